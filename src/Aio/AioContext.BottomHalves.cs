namespace VhostNet.Aio;

/// <content>
/// Bottom halves: a lock-free stack of those that other threads scheduled, a list of those that the home thread scheduled, and the queue of those that the present pass runs.
/// A pass runs them in the order in which they were scheduled (QEMU: in reverse), so that whoever was first waits least and continuations of async methods need no list of
/// their own. A nested poll first runs what is left of the outer passes, then what was scheduled since.
/// </content>
public sealed partial class AioContext
{
    private const long IdleIntervalNs = 10_000_000;

    private readonly BottomHalf?[] _oneShots = new BottomHalf?[32];
    private BottomHalf? _runHead;
    private BottomHalf? _runTail;
    private BottomHalf? _localHead;
    private BottomHalf? _localTail;

    // The home thread once it has polled; 0 if more than one thread may poll. Its schedules need neither an atomic link nor a notification.
    private int _localThreadId;

    /// <summary>Makes a bottom half.</summary>
    /// <param name="callback">Runs on the home thread.</param>
    /// <param name="name">Name for messages.</param>
    public BottomHalf CreateBottomHalf(Action callback, string name)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new BottomHalf(this, callback, name);
    }

    /// <summary>Has a callback called once by the next pass of the loop.</summary>
    /// <param name="callback">Runs on the home thread.</param>
    /// <param name="name">Unused; it documents the call.</param>
    public void ScheduleOneShot(Action callback, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(callback);
        BottomHalf bh = RentOneShot();
        bh.Load(callback, null, null);
        bh.Schedule();
    }

    internal void Post(SendOrPostCallback callback, object? state)
    {
        BottomHalf bh = RentOneShot();
        bh.Load(null, callback, state);
        bh.Schedule();
    }

    internal void Enqueue(BottomHalf bh, bool link)
    {
        if (_disposed)
        {
            return;
        }

        // While the counter is not zero the time-out was computed already. While the stack is not empty, the order demands that this one goes on top of it.
        if (Environment.CurrentManagedThreadId == _localThreadId && link && _state.NotifyMe == 0 && _state.BottomHalves is null)
        {
            EnqueueLocally(bh);
            return;
        }

        if (link)
        {
            BottomHalf? head = Volatile.Read(ref _state.BottomHalves);
            while (true)
            {
                bh.Next = head;
                BottomHalf? seen = Interlocked.CompareExchange(ref _state.BottomHalves, bh, head);
                if (ReferenceEquals(seen, head))
                {
                    break;
                }

                head = seen;
            }
        }

        NotifyPublished();
    }

    private void EnqueueLocally(BottomHalf bh)
    {
        _state.Notifies++;
        if (_localHead is null)
        {
            _localHead = bh;
        }
        else
        {
            _localTail!.Next = bh;
        }

        _localTail = bh;
    }

    internal void CountBottomHalf() => _bottomHalvesRun++;

    internal void ReturnOneShot(BottomHalf bh)
    {
        foreach (ref BottomHalf? slot in _oneShots.AsSpan())
        {
            if (slot is null && Interlocked.CompareExchange(ref slot, bh, null) is null)
            {
                return;
            }
        }
    }

    private BottomHalf RentOneShot()
    {
        foreach (ref BottomHalf? slot in _oneShots.AsSpan())
        {
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } bh)
            {
                return bh;
            }
        }

        return new BottomHalf(this);
    }

    private bool HasBottomHalves => _localHead is not null || Volatile.Read(ref _state.BottomHalves) is not null || _runHead is not null;

    /// <summary>Appends what was scheduled to the queue, oldest first, and runs the queue until it is empty.</summary>
    private bool RunBottomHalves()
    {
        if (_localHead is { } local)
        {
            // Linked while the stack was empty, hence older than what is in it now.
            _localHead = null;
            if (local.Next is null && _runHead is null && Volatile.Read(ref _state.BottomHalves) is null)
            {
                // The usual case: one, and nothing else.
                bool called = local.Run();
                return _runHead is null ? called : RunQueue() | called;
            }

            Append(local, _localTail!);
        }

        if (Volatile.Read(ref _state.BottomHalves) is not null)
        {
            AppendStack(Interlocked.Exchange(ref _state.BottomHalves, null)!);
        }

        return RunQueue();
    }

    private bool RunQueue()
    {
        bool progress = false;
        while (_runHead is { } bh)
        {
            // Unlinked before its flags are taken: after that another thread may link it into the stack.
            _runHead = bh.Next;
            bh.Next = null;
            progress |= bh.Run();
        }

        return progress;
    }

    private void AppendStack(BottomHalf newest)
    {
        BottomHalf? first = null;
        for (BottomHalf? bh = newest; bh is not null;)
        {
            BottomHalf? next = bh.Next;
            bh.Next = first;
            first = bh;
            bh = next;
        }

        Append(first!, newest);
    }

    private void Append(BottomHalf first, BottomHalf last)
    {
        if (_runHead is null)
        {
            _runHead = first;
        }
        else
        {
            _runTail!.Next = first;
        }

        _runTail = last;
    }

    /// <summary>0 if a bottom half is due, the idle interval if an idle one is, otherwise -1.</summary>
    private long BottomHalfTimeout()
    {
        long timeout = -1;
        return Scan(_localHead, ref timeout) || Scan(Volatile.Read(ref _state.BottomHalves), ref timeout) || Scan(_runHead, ref timeout) ? 0 : timeout;
    }

    private static bool Scan(BottomHalf? bh, ref long timeout)
    {
        for (; bh is not null; bh = bh.Next)
        {
            if (bh.IsDue)
            {
                return true;
            }

            if (bh.IsIdlyDue)
            {
                timeout = IdleIntervalNs;
            }
        }

        return false;
    }

    private void DropBottomHalves()
    {
        Interlocked.Exchange(ref _state.BottomHalves, null);
        _localHead = null;
        _runHead = null;
    }
}
