using System.Numerics;

namespace VhostNet.Aio;

/// <summary>
/// The timers of one context on one clock: a skip list, since adding must not be linear and taking the first must be cheap. The links are in the timers; nothing is allocated
/// after a timer was made.
/// </summary>
internal sealed class AioTimerList : IDisposable
{
    private const int MaxHeight = 12;

    // Initially set: nobody runs the list, so whoever stops the clock must not wait for it.
    private readonly ManualResetEventSlim _done;
    private readonly AioTimer _head;
    private readonly AioTimer[] _before = new AioTimer[MaxHeight];

    // Held for a few steps only; entering is one atomic operation and leaving none.
    private SpinLock _lock = new(enableThreadOwnerTracking: false);
    private int _height = 1;
    private long _sequence;
    private long _firstNs = long.MaxValue;
    private uint _random = 2463534242;
    private int _runningThread;
    private bool _disposed;

    public AioTimerList(AioContext context, AioClock clock)
    {
        Context = context;
        Clock = clock;
        _done = new ManualResetEventSlim(context.Test is null or { TimersInitiallyBusy: false });
        _head = new AioTimer(this, static () => { }, MaxHeight);
        clock.Add(this);
    }

    public AioContext Context { get; }

    public AioClock Clock { get; }

    /// <summary>Waits until no callback of the list runs. Not from such a callback.</summary>
    /// <returns>False if that took longer than the time-out (milliseconds, -1 for ever).</returns>
    public bool WaitUntilDone(int timeoutMs)
    {
        if (Volatile.Read(ref _runningThread) == Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException($"A timer callback of context '{Context.Name}' stops its own clock '{Clock.Name}', which would wait for itself. Stop it from a bottom half or from another thread.");
        }

        return _done.Wait(timeoutMs);
    }

    /// <summary>Makes a timer of a random height: one in four reaches the next level.</summary>
    public AioTimer Create(Action callback)
    {
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        return new AioTimer(this, callback, Math.Min(MaxHeight, 1 + (BitOperations.TrailingZeroCount(_random) / 2)));
    }

    /// <summary>Nanoseconds until the first timer is due; -1 for none.</summary>
    public long TimeoutNs()
    {
        long first = Volatile.Read(ref _firstNs);
        return first == long.MaxValue || !Clock.IsEnabled ? -1 : Clock.Remaining(first);
    }

    public void Modify(AioTimer timer, long deadlineNs, bool onlyEarlier)
    {
        bool first = false;
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            if (_disposed || (timer.IsPending && onlyEarlier && timer.DeadlineNs <= deadlineNs))
            {
                return;
            }

            if (timer.IsPending)
            {
                Remove(timer);
            }

            timer.DeadlineNs = deadlineNs;
            timer.Sequence = ++_sequence;
            first = Insert(timer);
            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }

        if (first)
        {
            Context.Notify();
        }
    }

    public void Delete(AioTimer timer)
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            if (timer.IsPending)
            {
                Remove(timer);
                UpdateFirst();
            }
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    /// <summary>Calls the callbacks of the timers that are due, in the order of their deadlines. Home thread.</summary>
    /// <returns>How many.</returns>
    public int Run()
    {
        // One reading for the pass: a callback that arms its timer again for the past runs in this pass, otherwise in a later one.
        if (Volatile.Read(ref _firstNs) == long.MaxValue)
        {
            return 0;
        }

        long now = Clock.NowNs;
        if (Volatile.Read(ref _firstNs) > now)
        {
            return 0;
        }

        int count = 0;
        int outer = _runningThread;
        _done.Reset();
        Volatile.Write(ref _runningThread, Environment.CurrentManagedThreadId);
        try
        {
            // Read after the event was reset, as the clock's switch reads the event after it was turned: one of both sees the other.
            Interlocked.MemoryBarrier();
            while (Clock.IsEnabled && TakeExpired(now) is { } timer)
            {
                count++;
                timer.Callback();
            }
        }
        finally
        {
            Volatile.Write(ref _runningThread, outer);
            if (outer == 0)
            {
                _done.Set();
            }
        }

        return count;
    }

    public void Dispose()
    {
        Clock.Remove(this);
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            _disposed = true;
            while (_head.Next(0) is { } timer)
            {
                Remove(timer);
            }

            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit();
            }
        }
    }

    private void UpdateFirst()
    {
        long first = _head.Next(0)?.DeadlineNs ?? long.MaxValue;
        if ((first == long.MaxValue) != (_firstNs == long.MaxValue))
        {
            Context.CountArmedList(first != long.MaxValue);
        }

        Volatile.Write(ref _firstNs, first);
    }

    private AioTimer? TakeExpired(long now)
    {
        if (Volatile.Read(ref _firstNs) > now)
        {
            return null;
        }

        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            AioTimer? timer = _head.Next(0);
            if (timer is null || timer.DeadlineNs > now)
            {
                return null;
            }

            for (int level = 0; level < timer.Height; level++)
            {
                _head.Next(level) = timer.Next(level);
            }

            timer.Next(0) = null;
            timer.IsPending = false;
            UpdateFirst();
            return timer;
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    /// <summary>Finds, for each level, the last timer before a place.</summary>
    private void Find(long deadlineNs, long sequence)
    {
        AioTimer timer = _head;
        for (int level = _height - 1; level >= 0; level--)
        {
            while (timer.Next(level) is { } next && next.IsBefore(deadlineNs, sequence))
            {
                timer = next;
            }

            _before[level] = timer;
        }
    }

    private bool Insert(AioTimer timer)
    {
        while (_height < timer.Height)
        {
            _height++;
        }

        Find(timer.DeadlineNs, timer.Sequence);
        for (int level = 0; level < timer.Height; level++)
        {
            timer.Next(level) = _before[level].Next(level);
            _before[level].Next(level) = timer;
        }

        timer.IsPending = true;
        return ReferenceEquals(_before[0], _head);
    }

    private void Remove(AioTimer timer)
    {
        Find(timer.DeadlineNs, timer.Sequence);
        for (int level = 0; level < timer.Height; level++)
        {
            _before[level].Next(level) = timer.Next(level);
            timer.Next(level) = null;
        }

        timer.IsPending = false;
    }
}
