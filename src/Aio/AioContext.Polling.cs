namespace VhostNet.Aio;

/// <content>Polling in user space: adaptive, in front of a wait, or for ever.</content>
public sealed partial class AioContext
{
    private const long FirstPollNs = 4000;
    private const long IdleAfterNs = 7_000_000_000;
    private const long BusyLookIntervalNs = 50_000;
    private const int BusyRoundsPerClock = 32;

    private AioHandler[] _pollHandlers = new AioHandler[8];
    private int _pollHandlerCount;
    private bool _busy;
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

    /// <summary>The monitor allows polling in user space.</summary>
    internal bool CanRunBusy => !_hasWaitHandles;

    /// <summary>Runs the loop without ever sleeping, until <paramref name="stop"/> returns true (asked every few rounds), a callback disposes of the context, or one throws.</summary>
    /// <remarks>
    /// A round calls every poll callback and runs bottom halves if the notified flag is set, without a system call. The clock is read every 32 rounds, more often when they
    /// take long, for the timers and to notice gaps; the kernel is asked for descriptors every 50 microseconds.
    /// </remarks>
    internal void RunBusy(Func<bool> stop)
    {
        ThrowUnlessHome();
        _busy = true;
        try
        {
            SyncHandlers();
            if (!_disposed)
            {
                Poll(false);
            }

            long lookNs = 0;
            _home.LookedNs = 0;
            int rounds = BusyRoundsPerClock;
            for (int round = rounds; ; round++)
            {
                if (_disposed)
                {
                    return;
                }

                if (round >= rounds)
                {
                    if (stop())
                    {
                        return;
                    }

                    long clockNs = _home.LookedNs;
                    lookNs = BusyLook(lookNs);
                    rounds = RoundsBeforeClock(rounds, _home.LookedNs - clockNs);
                    round = 0;
                }

                BusyRound();
            }
        }
        finally
        {
            _busy = false;
            if (!_disposed)
            {
                SetPollStarted(false);
            }
        }
    }

    private void BusyRound()
    {
        _home.Polls++;
        if ((_attention & AttentionHandlers) != 0)
        {
            SyncHandlers();
        }

        if (!_home.PollStarted)
        {
            SetPollStarted(true);
        }

        for (int i = 0; i < _pollHandlerCount; i++)
        {
            AioHandler handler = _pollHandlers[i];
            if (!handler.IsDeleted && handler.Poll!())
            {
                CallPollReady(handler);
            }
        }

        Accept();
        if (HasBottomHalves)
        {
            RunBottomHalves();
        }

        if (_readyHead is not null)
        {
            DispatchReady();
        }
    }

    private long BusyLook(long lookNs)
    {
        long now = clock_gettime_ns(CLOCK_MONOTONIC);
        NoteLook(now);
        if (now - lookNs >= BusyLookIntervalNs || (_monitor.NoticesInUserSpace && _monitor.NeedWait))
        {
            lookNs = now;
            _home.Waits++;
            _monitor.Wait(0);
            Accept();
        }

        DispatchAll();
        return lookNs;
    }

    /// <summary>
    /// Looks once at what a loop in poll mode polls. While something is found at every pass there is nothing to be learned from the clock, which costs as much as the
    /// look; it is read every 32nd pass all the same, more often when passes take long.
    /// </summary>
    private bool FoundAtOnce()
    {
        if (_home.FoundAtOnce + 1 >= _home.FoundAtOnceMax || _monitor.NeedWait || !RunPollCallbacks())
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
        if (_monitor.NeedWait)
        {
            return timeout;
        }

        SetPollStarted(true);
        _home.Pollings++;
        long elapsed;
        while (true)
        {
            if (RunPollCallbacks() || Volatile.Read(ref _state.BottomHalves) is not null || Volatile.Read(ref _state.Notified) != 0 || !_ring.IsEmpty)
            {
                _home.PollingSuccesses++;
                timeout = 0;
            }

            elapsed = clock_gettime_ns(CLOCK_MONOTONIC) - start;
            if (timeout == 0 || elapsed >= budget || _monitor.NeedWait)
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
        for (int i = 0; i < _pollHandlerCount; i++)
        {
            AioHandler handler = _pollHandlers[i];
            if (!handler.IsDeleted && !handler.InPollReady && handler.Poll!())
            {
                handler.IsPollReady = true;
                Link(handler);
                found = true;
            }
        }

        return found;
    }

    /// <summary>Enters or leaves poll mode.</summary>
    /// <returns>Whether a handler turned out to be ready when it was polled a last time.</returns>
    private bool SetPollStarted(bool started)
    {
        if (_home.PollStarted == started)
        {
            return false;
        }

        _home.PollStarted = started;
        bool found = false;

        // Backwards: a callback may remove handlers, and none may be left out. One that comes twice is in the right mode already.
        for (int i = _pollHandlerCount - 1; i >= 0; i = Math.Min(i, _pollHandlerCount) - 1)
        {
            found |= SyncPollMode(_pollHandlers[i]);
        }

        return found;
    }

    private bool SyncPollMode(AioHandler handler)
    {
        if (handler.IsDeleted || handler.InPollReady || handler.PollStarted == _home.PollStarted)
        {
            return false;
        }

        handler.PollStarted = _home.PollStarted;
        if (_home.PollStarted)
        {
            handler.PollBegin?.Invoke();
            return false;
        }

        handler.PollEnd?.Invoke();

        // What came before the end callback turned notifications on again was not notified.
        if (!handler.Poll!())
        {
            return false;
        }

        handler.IsPollReady = true;
        Link(handler);
        return true;
    }

    private void CallPollReady(AioHandler handler)
    {
        if (handler.InPollReady)
        {
            return;
        }

        handler.InPollReady = true;
        try
        {
            handler.PollReady!();
        }
        finally
        {
            handler.InPollReady = false;
        }

        if (handler.PollStarted != _home.PollStarted && handler.IsOnPollList)
        {
            SyncPollMode(handler);
        }
    }

    private void AddToPollList(AioHandler handler)
    {
        if (_pollHandlerCount == _pollHandlers.Length)
        {
            Array.Resize(ref _pollHandlers, _pollHandlerCount * 2);
        }

        handler.IsOnPollList = true;
        handler.IdleSinceNs = 0;
        _pollHandlers[_pollHandlerCount++] = handler;
        SyncPollMode(handler);
    }

    private void RemoveFromPollList(AioHandler handler)
    {
        int index = Array.IndexOf(_pollHandlers, handler, 0, _pollHandlerCount);
        handler.IsOnPollList = false;
        _pollHandlerCount--;
        Array.Copy(_pollHandlers, index + 1, _pollHandlers, index, _pollHandlerCount - index);
        _pollHandlers[_pollHandlerCount] = null!;
        if (handler.PollStarted)
        {
            handler.PollStarted = false;
            handler.PollEnd?.Invoke();
        }
    }

    /// <summary>Learns from the wait that just ended how long polling is worth while.</summary>
    private void AdjustPolling(long start)
    {
        long now = clock_gettime_ns(CLOCK_MONOTONIC);
        long blockNs = now - start;
        NotePollingEnd(now);
        bool notified = Volatile.Read(ref _state.BottomHalves) is not null || Volatile.Read(ref _state.Notified) != 0 || _home.NotifierReadable;
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

    private void Adjust(AioHandler handler, bool ready, long blockNs)
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
