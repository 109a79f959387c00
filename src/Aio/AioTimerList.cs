namespace VhostNet.Aio;

/// <summary>The timers of one context on one clock: a binary heap under a lock.</summary>
internal sealed class AioTimerList : IDisposable
{
    private readonly Lock _lock = new();

    // Initially set: nobody runs the list, so whoever stops the clock must not wait for it.
    private readonly ManualResetEventSlim _done = new(initialState: true);
    private AioTimer[] _heap = new AioTimer[16];
    private int _count;
    private long _sequence;
    private long _headNs = long.MaxValue;
    private int _runningThread;

    public AioTimerList(AioContext context, AioClock clock)
    {
        Context = context;
        Clock = clock;
        clock.Add(this);
    }

    public AioContext Context { get; }

    public AioClock Clock { get; }

    /// <summary>Nanoseconds until the first timer is due; -1 for none.</summary>
    public long TimeoutNs()
    {
        long head = Volatile.Read(ref _headNs);
        return head == long.MaxValue || !Clock.IsEnabled ? -1 : Clock.Remaining(head);
    }

    public void Modify(AioTimer timer, long deadlineNs, bool onlyEarlier)
    {
        bool becameHead;
        lock (_lock)
        {
            if (timer.HeapIndex >= 0)
            {
                if (onlyEarlier && timer.DeadlineNs <= deadlineNs)
                {
                    return;
                }

                RemoveAt(timer.HeapIndex);
            }

            timer.DeadlineNs = deadlineNs;
            timer.Sequence = _sequence++;
            Insert(timer);
            becameHead = timer.HeapIndex == 0;
            Volatile.Write(ref _headNs, _heap[0].DeadlineNs);
        }

        if (becameHead)
        {
            Context.Notify();
        }
    }

    public void Delete(AioTimer timer)
    {
        lock (_lock)
        {
            if (timer.HeapIndex >= 0)
            {
                RemoveAt(timer.HeapIndex);
                Volatile.Write(ref _headNs, _count == 0 ? long.MaxValue : _heap[0].DeadlineNs);
            }
        }
    }

    /// <summary>Calls the callbacks of the timers that are due. Home thread.</summary>
    public bool Run()
    {
        if (Volatile.Read(ref _headNs) == long.MaxValue)
        {
            return false;
        }

        bool progress = false;
        _done.Reset();
        int outer = _runningThread;
        _runningThread = Environment.CurrentManagedThreadId;
        try
        {
            if (Clock.IsEnabled)
            {
                long now = Clock.NowNs;
                while (TakeExpired(now) is { } timer)
                {
                    progress = true;
                    timer.Callback();
                }
            }
        }
        finally
        {
            _runningThread = outer;
            if (outer == 0)
            {
                _done.Set();
            }
        }

        return progress;
    }

    public void WaitUntilDone()
    {
        if (_runningThread == Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException($"A timer callback of context '{Context.Name}' stops its own clock '{Clock.Name}', which would wait for itself. Stop it from a bottom half or from another thread.");
        }

        _done.Wait();
    }

    public void Dispose()
    {
        Clock.Remove(this);
        lock (_lock)
        {
            while (_count > 0)
            {
                RemoveAt(0);
            }

            Volatile.Write(ref _headNs, long.MaxValue);
        }

        _done.Set();
    }

    private AioTimer? TakeExpired(long now)
    {
        if (Volatile.Read(ref _headNs) > now)
        {
            return null;
        }

        lock (_lock)
        {
            if (_count == 0 || _heap[0].DeadlineNs > now)
            {
                return null;
            }

            AioTimer timer = _heap[0];
            RemoveAt(0);
            Volatile.Write(ref _headNs, _count == 0 ? long.MaxValue : _heap[0].DeadlineNs);
            return timer;
        }
    }

    private void Insert(AioTimer timer)
    {
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _count * 2);
        }

        SiftUp(_count++, timer);
    }

    private void RemoveAt(int index)
    {
        _heap[index].HeapIndex = -1;
        AioTimer last = _heap[--_count];
        _heap[_count] = null!;
        if (index == _count)
        {
            return;
        }

        SiftDown(index, last);
        if (last.HeapIndex == index)
        {
            SiftUp(index, last);
        }
    }

    private void SiftUp(int index, AioTimer timer)
    {
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (!Before(timer, _heap[parent]))
            {
                break;
            }

            Place(index, _heap[parent]);
            index = parent;
        }

        Place(index, timer);
    }

    private void SiftDown(int index, AioTimer timer)
    {
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && Before(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!Before(_heap[child], timer))
            {
                break;
            }

            Place(index, _heap[child]);
            index = child;
        }

        Place(index, timer);
    }

    private void Place(int index, AioTimer timer)
    {
        _heap[index] = timer;
        timer.HeapIndex = index;
    }

    private static bool Before(AioTimer a, AioTimer b) => a.DeadlineNs != b.DeadlineNs ? a.DeadlineNs < b.DeadlineNs : a.Sequence < b.Sequence;
}
