namespace VhostNet.Aio;

/// <content>Firing.</content>
internal sealed partial class AioTimerList
{
    private TimerBatch _batch = new();
    private bool _batchUsed;

    // Only written, so that the reading is not taken for useless.
    private int _readAhead;
    private int _runningThread;

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

    /// <summary>Calls the callbacks of the timers that are due, in the order of their deadlines. Home thread.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Run()
    {
        // One reading for the pass: a callback that arms its timer again for the past runs in this pass, otherwise in a later one.
        if (_batch.IsEmpty && Volatile.Read(ref _firstNs) == long.MaxValue)
        {
            return false;
        }

        long now = Clock.NowNs;
        if (_batch.IsEmpty && Volatile.Read(ref _firstNs) > now)
        {
            return false;
        }

        int count = 0;
        int outer = _runningThread;
        _done.Reset();
        Volatile.Write(ref _runningThread, Environment.CurrentManagedThreadId);
        try
        {
            // Read after the event was reset, as the clock's switch reads the event after it was turned: one of both sees the other.
            Interlocked.MemoryBarrier();
            while (Clock.IsEnabled && TakeNext(now) is { } timer)
            {
                count++;
                timer.Callback();
            }
        }
        finally
        {
            if (_batchUsed)
            {
                LeaveBatch();
            }

            Context.CountTimers(count);
            Volatile.Write(ref _runningThread, outer);
            if (outer == 0)
            {
                _done.Set();
            }
        }

        return count != 0;
    }

    /// <summary>The next one that is due: of those that were taken before, unless a callback armed an earlier one.</summary>
    private AioTimer? TakeNext(long now)
    {
        while (_batch.TryPeek(out long deadlineNs) && Volatile.Read(ref _firstNs) >= deadlineNs)
        {
            if (_batch.Take() is { } timer)
            {
                return timer;
            }
        }

        return Volatile.Read(ref _firstNs) > now ? null : TakeExpired(now);
    }

    private AioTimer? TakeExpired(long now)
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            AioTimer? timer = TakeFirst(now);
            if (timer is not null && _batch.IsEmpty && _head.Next(0) is { } second && second.DeadlineNs <= now)
            {
                ReadAhead();
                while (!_batch.IsFull && TakeFirst(now) is { } next)
                {
                    _batchUsed = true;
                    _batch.Add(next);
                }
            }

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

    /// <summary>
    /// The timers lie wherever they were made, so that each step to the next one waits for the memory. Four ways at once, from one tall timer to the next, wait for it together.
    /// </summary>
    private void ReadAhead()
    {
        AioTimer? a = _head.Next(0);
        AioTimer? b = _head.Next(1);
        AioTimer? c = b?.Next(1);
        AioTimer? d = c?.Next(1);
        int sum = 0;
        for (int i = 0; i < 4; i++)
        {
            sum += (a?.Height ?? 0) + (b?.Height ?? 0) + (c?.Height ?? 0) + (d?.Height ?? 0);
            a = a?.Next(0);
            b = b?.Next(0);
            c = c?.Next(0);
            d = d?.Next(0);
        }

        _readAhead = sum;
    }

    private AioTimer? TakeFirst(long now)
    {
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
        timer.IsListed = false;
        return timer;
    }

    /// <summary>A callback threw or stopped the clock: what was taken and has not fired waits in the list again, at its old place.</summary>
    private void LeaveBatch()
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            _batchUsed = false;
            while (!_batch.IsEmpty)
            {
                if (_batch.Take() is { } timer)
                {
                    _ = Insert(timer);
                }
            }

            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }
}
