using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>Adaptive polling in user space, in front of a wait.</content>
public sealed partial class AioContext
{
    private const long FirstPollNs = 4000;
    private const long IdleAfterNs = 7_000_000_000;

    private long _pollMaxNs;
    private long _pollGrow;
    private long _pollShrink;

    /// <summary>Sets the adaptive polling in front of the blocking wait. Home thread, or before the loop runs.</summary>
    /// <param name="maxNs">Longest polling in nanoseconds; 0 turns it off.</param>
    /// <param name="grow">Factor by which the time grows; 0 stands for 2.</param>
    /// <param name="shrink">Divisor by which it shrinks; 0 stands for straight to zero.</param>
    /// <exception cref="NotSupportedException">The context uses wait handles, which can't be polled.</exception>
    public void SetPollParameters(long maxNs, long grow, long shrink)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxNs);
        ArgumentOutOfRangeException.ThrowIfNegative(grow);
        ArgumentOutOfRangeException.ThrowIfNegative(shrink);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_hasWaitHandles && maxNs != 0)
        {
            throw new NotSupportedException($"Context '{Name}' waits on wait handles and can't poll in user space; {maxNs} ns were asked for, 0 is allowed.");
        }

        _pollMaxNs = maxNs;
        _pollGrow = grow;
        _pollShrink = shrink;
        _notifierHandler.PollNs = 0;
        for (int i = 0; i < _pollHandlerCount; i++)
        {
            _pollHandlers[i].PollNs = 0;
        }

        Notify();
    }

    /// <summary>
    /// Looks once at what a loop in poll mode polls. While something is found at every pass there is nothing to be learned from the clock, which costs as much
    /// as the look; it is read every 32nd pass all the same, more often when passes take long.
    /// </summary>
    private bool FoundAtOnce()
    {
        if (_home.FoundAtOnce + 1 >= _home.FoundAtOnceMax || MonitorNeedsWait || !RunPollCallbacks())
        {
            return false;
        }

        _home.FoundAtOnce++;
        _home.Pollings++;
        _home.PollingSuccesses++;
        if (NeedLook())
        {
            _home.Waits++;
            _home.KernelSilence = 0;
            _monitor.Wait(0);
        }

        return true;
    }

    /// <summary>Polls until something is ready or polling no longer pays.</summary>
    /// <returns>The time-out that is left; 0 if something is ready.</returns>
    private long PollInUserSpace(long timeout, long start)
    {
        NotePollingBegin(start);
        long budget = PollBudget();
        budget = timeout < 0 ? budget : Math.Min(budget, timeout);
        if (budget == 0)
        {
            return timeout;
        }

        _monitor.PreparePolling();
        if (MonitorNeedsWait)
        {
            return timeout;
        }

        SetPollStarted(true);
        _home.Pollings++;
        long elapsed;
        while (true)
        {
            // An idle bottom half is no reason to hurry, but shortens the sleep; a poll callback or another thread may have scheduled it just now.
            bool found = RunPollCallbacks() || Volatile.Read(ref _state.Notified) != 0;
            timeout = found ? 0 : HasBottomHalves ? Earlier(timeout, BottomHalfTimeout()) : timeout;
            if (timeout == 0)
            {
                _home.PollingSuccesses++;
            }

            elapsed = clock_gettime_ns(CLOCK_MONOTONIC) - start;
            if (timeout == 0 || elapsed >= budget || MonitorNeedsWait)
            {
                break;
            }
        }

        _home.PollingNs += elapsed;
        return timeout <= 0 ? timeout : Math.Max(0, timeout - elapsed);
    }

    private long PollBudget()
    {
        long budget = _notifierHandler.PollNs;
        for (int i = 0; i < _pollHandlerCount; i++)
        {
            AioHandler handler = _pollHandlers[i];
            budget = Math.Max(budget, handler.InPollReady ? 0 : handler.PollNs);
        }

        return budget;
    }

    private bool RunPollCallbacks()
    {
        bool found = false;
        for (int next = 0; !RunPollCallbacks(ref next, ref found);)
        {
        }

        return found;
    }

    /// <inheritdoc cref="PollBusily"/>
    private bool RunPollCallbacks(ref int next, ref bool found)
    {
        AioHandler? handler = null;
        try
        {
            while (next < _pollHandlerCount)
            {
                handler = _pollHandlers[next++];
                if (!handler.IsDeleted && !handler.InPollReady && handler.Poll!())
                {
                    handler.IsPollReady = true;
                    Link(handler);
                    found = true;
                }
            }

            return true;
        }
        catch (Exception e) when (Answers(handler?.Owner, e))
        {
            ReportPoll(handler!, e);
            return false;
        }
    }

    /// <summary>Learns from the wait that just ended how long polling is worth while.</summary>
    private void AdjustPolling(long start)
    {
        long now = clock_gettime_ns(CLOCK_MONOTONIC);
        long blockNs = now - start;
        NotePollingEnd(now);
        bool notified = Volatile.Read(ref _state.Notified) != 0 || _home.NotifierReadable || (HasBottomHalves && BottomHalfTimeout() == 0);
        Adjust(_notifierHandler, notified, blockNs);
        for (int i = _pollHandlerCount - 1; i >= 0; i = Math.Min(i, _pollHandlerCount) - 1)
        {
            AioHandler handler = _pollHandlers[i];
            Adjust(handler, handler.IsReady, blockNs);
            if (handler.IsReady)
            {
                handler.IdleSinceNs = 0;
            }
            else if (handler.IdleSinceNs == 0)
            {
                handler.IdleSinceNs = now;
            }
            else if (now - handler.IdleSinceNs > IdleAfterNs && _monitor.NoticesInUserSpace && !handler.InPollReady)
            {
                RemoveFromPollList(handler);

                // Its request waited for the next sleep, which may be far off now that nobody looks.
                _monitor.LeaveArmed();
            }
        }
    }

    /// <summary>What one handler's polling is worth after a wait of that long. Home thread.</summary>
    internal void Adjust(AioHandler handler, bool ready, long blockNs)
    {
        if (blockNs <= handler.PollNs)
        {
            return;
        }

        if (blockNs > _pollMaxNs)
        {
            // Polling up to the limit would not have helped; also a handler that was not ready must not keep the others polling for ever.
            handler.PollNs = _pollShrink == 0 ? 0 : handler.PollNs / _pollShrink;
        }
        else if (ready && handler.PollNs < _pollMaxNs)
        {
            handler.PollNs = Math.Min(_pollMaxNs, handler.PollNs == 0 ? FirstPollNs : handler.PollNs * (_pollGrow == 0 ? 2 : _pollGrow));
        }
    }
}
