using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>A loop that never sleeps.</content>
public sealed partial class AioContext
{
    private const long BusyLookIntervalNs = 50_000;
    private const int BusyRoundsPerClock = 32;

    private bool _busy;

    // When idle bottom halves ran last.
    private long _idleNs;

    /// <summary>The monitor allows polling in user space.</summary>
    internal bool CanRunBusy => !_hasWaitHandles;

    /// <summary>
    /// Runs the loop without ever sleeping, until <paramref name="stop"/> returns true (asked every few rounds), a callback disposes of the context, or one
    /// throws.
    /// </summary>
    /// <remarks>
    /// A round calls every poll callback and runs bottom halves if the notified flag is set, without a system call. The clock is read every 32 rounds, more
    /// often when they take long, for the timers and to notice gaps; the kernel is asked for descriptors every 50 microseconds.
    /// </remarks>
    internal void RunBusy(Func<bool> stop)
    {
        ThrowUnlessHome();
        _frame = FaultScope.Frame;
        _busy = true;
        try
        {
            SyncHandlers();
            if (!_disposed)
            {
                Poll(false);
            }

            long lookNs = 0;
            _home.Activity = (byte)AioActivity.Looking;
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
            _home.Activity = (byte)AioActivity.Outside;
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

        for (int next = 0; !PollBusily(ref next);)
        {
        }

        Accept();
        if (HasBottomHalves && BottomHalfTimeout() == 0)
        {
            RunBottomHalves();
        }

        if (_readyHead is not null)
        {
            DispatchReady();
        }
    }

    /// <summary>Calls the poll callbacks, and at once the handlers that have something to do.</summary>
    /// <param name="next">The first to ask; the one to go on with.</param>
    /// <returns>False if an exception was handed to its owner; the rest is still to be asked.</returns>
    private bool PollBusily(ref int next)
    {
        AioHandler? handler = null;
        try
        {
            while (next < _pollHandlerCount)
            {
                handler = _pollHandlers[next++];
                if (!handler.IsDeleted && handler.Poll!())
                {
                    CallPollReadyAlone(handler);
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

    private void CallPollReadyAlone(AioHandler handler)
    {
        (IFaultOwner?, byte) outer = EnterStage(AioActivity.Handlers);
        _frame.Switch(handler.Owner);
        try
        {
            CallPollReady(handler);
        }
        catch (Exception e) when (Answers(handler.Owner, e))
        {
            Report(handler, "handler", e);
        }
        finally
        {
            LeaveStage(outer);
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

        if (_ring.IsEmpty || BottomHalfTimeout() == 0 || now - _idleNs >= IdleIntervalNs)
        {
            _idleNs = now;
            DispatchAll();
        }
        else
        {
            // Only idle bottom halves wait; a thread that never sleeps must not take each of its rounds for a reason to call them.
            DispatchReady();
            RunTimers();
        }

        return lookNs;
    }
}
