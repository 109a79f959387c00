using System.Runtime.CompilerServices;

namespace VhostNet.Aio;

/// <content>Firing.</content>
internal sealed partial class AioTimerList
{
    private TimerBatch _batch = new();
    private bool _batchUsed;
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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
            AioTimer? first = _head.Next(0);
            if (first is null || first.DeadlineNs > now)
            {
                return null;
            }

            AioTimer? rest = Unlist(first);
            if (_batch.IsEmpty)
            {
                rest = TakeMore(rest, now);
            }

            _head.Next(0) = rest;
            UpdateFirst();
            return first;
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    /// <summary>Takes those that are due too.</summary>
    /// <returns>The first that was not taken.</returns>
    private AioTimer? TakeMore(AioTimer? timer, long now)
    {
        while (timer is not null && timer.DeadlineNs <= now && !_batch.IsFull)
        {
            AioTimer? next = Unlist(timer);
            _batchUsed = true;
            _batch.Add(timer);
            timer = next;
        }

        return timer;
    }

    /// <summary>Takes the first of the list out of it; the lowest link of the head is left to the caller, who sets it once for many.</summary>
    /// <returns>The next one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AioTimer? Unlist(AioTimer timer)
    {
        AioTimer? next = timer.Next(0);
        for (int level = 1; level < timer.Height; level++)
        {
            _head.Next(level) = timer.Next(level);
            timer.Next(level) = null;
        }

        timer.Next(0) = null;
        timer.IsListed = false;
        return next;
    }

    /// <summary>What was taken and has not fired, since a callback threw or somebody stopped the clock, waits in the list again, at its old place.</summary>
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
