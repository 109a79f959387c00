namespace VhostNet.Aio;

/// <content>One pass of the loop.</content>
public sealed partial class AioContext
{
    private long _polls;
    private long _waits;
    private long _pollMaxNs;
    private long _pollGrow;
    private long _pollShrink;

    /// <summary>
    /// One pass: waits if <paramref name="blocking"/> and there is nothing to do, then runs bottom halves, handlers and timers. Home thread, or the holder of the context's poll lock.
    /// </summary>
    /// <returns>Whether a bottom half that is not idle, a handler or a timer ran. A bare <see cref="Notify"/> ends the wait and gives false.</returns>
    /// <exception cref="InvalidOperationException">The calling thread may not poll this context.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed of.</exception>
    public bool Poll(bool blocking)
    {
        if (s_current == this && _pollLock is null)
        {
            return PollCore(blocking);
        }

        return PollFromElsewhere(blocking);
    }

    /// <summary>Sets the adaptive polling in front of the blocking wait. Home thread, or before the loop runs.</summary>
    /// <param name="maxNs">Longest polling in nanoseconds; 0 turns it off.</param>
    /// <param name="grow">Factor by which the time grows; 0 stands for 2.</param>
    /// <param name="shrink">Divisor by which it shrinks; 0 stands for straight to zero.</param>
    public void SetPollParameters(long maxNs, long grow, long shrink)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxNs);
        ArgumentOutOfRangeException.ThrowIfNegative(grow);
        ArgumentOutOfRangeException.ThrowIfNegative(shrink);
        _pollMaxNs = maxNs;
        _pollGrow = grow;
        _pollShrink = shrink;
        Notify();
    }

    /// <summary>Counters since the context was made. Any thread; each number is exact or a little old.</summary>
    public AioStatistics GetStatistics() => new()
    {
        Polls = Volatile.Read(ref _polls),
        Waits = Volatile.Read(ref _waits),
        NotifierWrites = Volatile.Read(ref _notifierWrites),
    };

    private bool PollFromElsewhere(bool blocking)
    {
        if (_pollLock is null ? !IsHomeThread : !_pollLock.IsHeldByCurrentThread)
        {
            throw new InvalidOperationException(_pollLock is null
                ? $"Context '{Name}' belongs to another thread; only its home thread may poll it. Schedule a bottom half instead."
                : $"Context '{Name}' is polled under a lock that the calling thread does not hold. Take the lock first.");
        }

        AioContext? previous = s_current;
        s_current = this;
        try
        {
            return PollCore(blocking);
        }
        finally
        {
            if (previous is not null)
            {
                s_current = previous;
            }
        }
    }

    private bool PollCore(bool blocking)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _polls++;
        long timeout = blocking ? ComputeTimeout() : 0;
        bool armed = timeout != 0;
        if (armed)
        {
            // The exchange is a full barrier: the counter is visible before the flag is read.
            Interlocked.Exchange(ref _state.NotifyMe, _state.NotifyMe + 2);
            if (Volatile.Read(ref _state.Notified) != 0)
            {
                timeout = 0;
            }
        }

        if (timeout != 0 || _monitor.NeedWait)
        {
            _waits++;
            _monitor.Wait(timeout);
        }

        if (armed)
        {
            Volatile.Write(ref _state.NotifyMe, _state.NotifyMe - 2);
        }

        Accept();
        bool progress = RunBottomHalves();
        progress |= DispatchReady();
        progress |= RunTimers();
        return progress;
    }

    private long ComputeTimeout()
    {
        if (_readyHead is not null)
        {
            return 0;
        }

        long timeout = BottomHalfTimeout();
        return timeout == 0 ? 0 : Earlier(timeout, TimerTimeout());
    }

    /// <summary>The shorter of two time-outs, of which -1 stands for none.</summary>
    private static long Earlier(long a, long b) => a < 0 ? b : b < 0 ? a : Math.Min(a, b);
}
