using System.Runtime.CompilerServices;
using VhostNet.Aio.Failpoints;
using VhostNet.Aio.Faults;

namespace VhostNet.Aio;

/// <content>One pass of the loop.</content>
public sealed partial class AioContext
{
    /// <summary>After so many passes without a look at the kernel, one is made if a handler is neither polled nor looked at otherwise.</summary>
    private const int LongestKernelSilence = 64;

    // The token of the home thread while this is its current context, so that one comparison lets it poll.
    private int _pollThread = NoThread;

    /// <summary>
    /// One pass: waits if <paramref name="blocking"/> and there is nothing to do, then runs bottom halves, handlers and timers. Home thread, or the holder of
    /// the context's poll lock.
    /// </summary>
    /// <returns>Whether a bottom half that is not idle, a handler or a timer ran. A bare <see cref="Notify"/> ends the wait and gives false.</returns>
    /// <remarks>
    /// A pass that does not block makes no system call if every handler has a poll callback. It calls the poll callbacks of those that have been active before,
    /// and looks at the others' descriptors every 64th time.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The calling thread may not poll this context.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed of.</exception>
    public bool Poll(bool blocking) => s_thread == _pollThread ? PollCore(blocking) : PollFromElsewhere(blocking);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool PollFromElsewhere(bool blocking)
    {
        ThrowUnlessHome();
        AioContext? previous = Enter();
        try
        {
            return PollCore(blocking);
        }
        finally
        {
            Leave(previous);
        }
    }

    /// <summary>Makes this the current context of the calling thread.</summary>
    /// <returns>The one before.</returns>
    private AioContext? Enter()
    {
        AioContext? previous = s_current;
        if (previous is not null && previous._localThread == s_thread)
        {
            previous._pollThread = NoThread;
        }

        s_current = this;
        _frame = FaultScope.Frame;
        _localThread = _pollLock is null && Failpoints is null ? ThreadToken() : NoThread;
        return previous;
    }

    /// <summary>A thread that polls one context keeps it as its current one; one that polls another inside comes back to the first.</summary>
    private void Leave(AioContext? previous)
    {
        if (_pollLock is not null || (previous is not null && previous != this))
        {
            s_current = previous;
            if (previous is not null && previous._localThread == s_thread)
            {
                previous._pollThread = s_thread;
            }
        }
        else if (!_disposed)
        {
            _pollThread = _localThread;
        }
    }

    private void ThrowUnlessHome()
    {
        if (!IsHomeThread)
        {
            throw new InvalidOperationException(_pollLock is null
                ? $"Context '{Name}' belongs to another thread; only its home thread may poll it. Schedule a bottom half instead."
                : $"Context '{Name}' is polled under a lock that the calling thread does not hold. Take the lock first.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool PollCore(bool blocking)
    {
        if (_attention != 0 && AttendTo(blocking, out bool result))
        {
            return result;
        }

        _home.Polls++;
        byte outer = BeginLooking();
        long timeout = blocking && (_ring.IsEmpty || !_ring[0].IsDue) ? ComputeTimeout() : 0;
        long sleeps = _home.Sleeps;
        if (timeout != 0)
        {
            WaitForWork(timeout);
        }
        else if (Volatile.Read(ref _watchedCount) != 0)
        {
            Look();
        }

        Accept();
        bool progress = IsTimed(sleeps) ? DispatchTimed(sleeps) : DispatchAll();
        if ((_state.NotifyMe & 1) != 0 && !_disposed)
        {
            // An outer loop sleeps on what the monitor gave it, or is about to; what this poll used up must be there again.
            _monitor.LeaveArmed();
        }

        _home.Activity = outer;
        return progress;
    }

    /// <summary>Everything that is seldom, behind one test.</summary>
    /// <returns>Whether the pass is done already.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool AttendTo(bool blocking, out bool result)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        result = false;
        if ((_attention & AttentionHandlers) != 0)
        {
            SyncHandlers();
        }

        if (_hasWaitHandles)
        {
            result = PollWaitHandles(blocking);
            return true;
        }

        return false;
    }

    /// <summary>Looks at the handlers without sleeping.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Look()
    {
        if (_pollHandlerCount != 0)
        {
            RunPollCallbacks();
        }

        if (NeedLook())
        {
            _home.Waits++;
            _home.KernelSilence = 0;
            _monitor.Wait(0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool DispatchAll()
    {
        Reach(Failpoint.DispatchBegin);
        bool progress = HasBottomHalves && RunBottomHalves();
        Reach(Failpoint.BottomHalvesRun);
        if (_readyHead is not null)
        {
            progress |= DispatchReady();
        }

        progress = Volatile.Read(ref _armedLists) == 0 ? progress : RunTimers() | progress;
        Reach(Failpoint.DispatchEnd);
        return progress;
    }

    private bool NeedLook() =>
        MonitorNeedsWait || (Volatile.Read(ref _pollableCount) > _pollHandlerCount && ++_home.KernelSilence >= LongestKernelSilence);

    /// <summary>Polls in user space if that pays, then sleeps.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WaitForWork(long timeout)
    {
        bool polling = _pollMaxNs != 0;
        if (polling && _home.PollStarted && FoundAtOnce())
        {
            return;
        }

        long start = polling ? clock_gettime_ns(CLOCK_MONOTONIC) : 0;
        if (polling)
        {
            timeout = PollInUserSpace(timeout, start);
        }

        if (timeout != 0)
        {
            Sleep(timeout);
        }
        else if (NeedLook())
        {
            _home.Waits++;
            _home.KernelSilence = 0;
            _monitor.Wait(0);
        }

        if (polling)
        {
            AdjustPolling(start);
        }
    }

    private void Sleep(long timeout)
    {
        Reach(Failpoint.BeforeArming);
        bool notified = _state.Arm<FullBarrier>(_state.NotifyMe + 2);
        try
        {
            // Whoever filled the stack before the counter went up left it to us. A begin callback may have scheduled something on this thread since the
            // time-out was computed.
            if (((notified || Volatile.Read(ref _state.BottomHalves) is not null) && !LeavesOut(Failpoint.LookAfterArming)) || (!_ring.IsEmpty && BottomHalfTimeout() == 0))
            {
                timeout = 0;
            }

            if (_home.PollStarted && SetPollStarted(false))
            {
                timeout = 0;
            }

            if (timeout == 0 && !NeedLook())
            {
                return;
            }

            timeout = WaitTime(timeout);
            _home.Waits++;
            _home.KernelSilence = 0;
            _home.Sleeps += timeout != 0 ? 1 : 0;
            _home.Activity = (byte)(timeout != 0 ? AioActivity.Asleep : AioActivity.Looking);
            _monitor.Wait(timeout);
            _home.Activity = (byte)AioActivity.Looking;
        }
        finally
        {
            _state.Disarm(_state.NotifyMe - 2);
        }
    }

    /// <summary>0 if something is due, -1 if nothing ever will be by itself.</summary>
    private long ComputeTimeout()
    {
        if (_readyHead is not null)
        {
            return 0;
        }

        long timeout = BottomHalfTimeout();
        return timeout == 0 || Volatile.Read(ref _armedLists) == 0 ? timeout : Earlier(timeout, TimerTimeout());
    }

    /// <summary>The shorter of two time-outs, of which -1 stands for none.</summary>
    private static long Earlier(long a, long b) => a < 0 ? b : b < 0 ? a : Math.Min(a, b);
}
