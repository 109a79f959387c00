using VhostNet.Aio.Failpoints;

namespace VhostNet.Aio;

/// <summary>
/// Takes one fix out of a context, or stops it at one place, so that a test can show what the fix is for. Everything else is the code that everybody runs. Only
/// tests make one. The letters are those of the interleavings in the tests of the same names.
/// </summary>
internal sealed class AioFailpoints
{
    private int _dispatching;
    private int _flagged;

    /// <summary>H1: nobody is notified while somebody dispatches, although another thread may be about to sleep.</summary>
    public bool SkipNotifyWhileDispatching { get; set; }

    /// <summary>H2: the descriptor is cleared by its handler, after the bottom halves ran, instead of before.</summary>
    public bool ClearLate { get; set; }

    /// <summary>H3: the flag that says that the descriptor was written is set before the write.</summary>
    public bool FlagBeforeWrite { get; set; }

    /// <summary>H4: the descriptor is not written while the flag says that it was.</summary>
    public bool SkipWriteIfFlagged { get; set; }

    /// <summary>H7: the flag is not looked at between arming and sleeping.</summary>
    public bool NoLookAfterArming { get; set; }

    /// <summary>H8: a timer list starts as if somebody ran it.</summary>
    public bool TimersInitiallyBusy { get; set; }

    /// <summary>H9: with wait handles, the blocking wait is forgotten before it is accounted for.</summary>
    public bool ForgetBlockingEarly { get; set; }

    /// <summary>A foreign poll keeps to itself that it took an event which an outer loop sleeps for.</summary>
    public bool NoOuterKick { get; set; }

    /// <summary>H4's other form: a notify is skipped when the flag is set, although more than one thread may sleep.</summary>
    public bool SkipNotifyIfNotified { get; set; }

    /// <summary>Runs when the monitor knows of a change of the handlers, inside the call that changes them.</summary>
    public Action? AfterMonitorUpdate { get; set; }

    /// <summary>Runs between the computation of the time-out and arming.</summary>
    public Action? BeforeArming { get; set; }

    /// <summary>Runs before the notifier's descriptor is written.</summary>
    public Action? BeforeWrite { get; set; }

    /// <summary>Runs between the notifier's two steps: the write of the descriptor and the setting of the flag.</summary>
    public Action? BetweenWriteAndFlag { get; set; }

    /// <summary>Runs in accept after the flags were taken and before the descriptor is cleared.</summary>
    public Action? BeforeClear { get; set; }

    /// <summary>Gets the time-out before the monitor waits and returns the one to use.</summary>
    public Func<long, long>? OnWait { get; set; }

    /// <summary>ModifyAnticipate leaves a timer alone that lies in the batch, although its callback may run already.</summary>
    public bool TrustBatch { get; set; }

    /// <summary>Runs when a handler's descriptor turned out to be closed, before the handler is taken out.</summary>
    public Action? BeforeLosing { get; set; }

    /// <summary>The context's code is at a failpoint.</summary>
    public void Reach(Failpoint point, AioContext context)
    {
        switch (point)
        {
            case Failpoint.NotifierWritten: Written(context); break;
            case Failpoint.NotifierFlagged: Flagged(context); break;
            case Failpoint.DispatchBegin: _dispatching++; break;
            case Failpoint.DispatchEnd: _dispatching--; break;
            case Failpoint.BottomHalvesRun: ClearAfterBottomHalves(context); break;
            case Failpoint.BeforeArming: BeforeArming?.Invoke(); break;
            case Failpoint.MonitorUpdated: AfterMonitorUpdate?.Invoke(); break;
            case Failpoint.HandlerLosing: BeforeLosing?.Invoke(); break;
            default: throw new ArgumentOutOfRangeException(nameof(point), point, "Nothing can be done at this failpoint.");
        }
    }

    /// <summary>The context's code is at a failpoint before something that may be left out.</summary>
    /// <returns>Whether it is.</returns>
    public bool LeavesOut(Failpoint point, AioContext context) => point switch
    {
        Failpoint.Pushed => ReplacesNotification(context),
        Failpoint.NotifierWrite => ReplacesWrite(context),
        Failpoint.NotifierClear => ReplacesClear(context),
        Failpoint.OuterKick => NoOuterKick,
        Failpoint.LookAfterArming => NoLookAfterArming,
        Failpoint.Disarm => ForgetBlockingEarly,
        _ => throw new ArgumentOutOfRangeException(nameof(point), point, "Nothing can be left out at this failpoint."),
    };

    private bool ReplacesNotification(AioContext context)
    {
        if (SkipNotifyIfNotified && Volatile.Read(ref context.NotifyState.Notified) == 0)
        {
            context.Notify();
        }

        return SkipNotifyIfNotified || (SkipNotifyWhileDispatching && Volatile.Read(ref _dispatching) != 0);
    }

    private bool ReplacesWrite(AioContext context)
    {
        BeforeWrite?.Invoke();
        if (FlagBeforeWrite)
        {
            Interlocked.Exchange(ref context.NotifyState.EventSet, 1);
            BetweenWriteAndFlag?.Invoke();
        }

        return SkipWriteIfFlagged && Volatile.Read(ref context.NotifyState.EventSet) != 0;
    }

    private void Written(AioContext context)
    {
        if (!FlagBeforeWrite)
        {
            BetweenWriteAndFlag?.Invoke();
        }

        _flagged = Volatile.Read(ref context.NotifyState.EventSet);
    }

    /// <summary>What was flagged before the write is not flagged after it.</summary>
    private void Flagged(AioContext context)
    {
        if (FlagBeforeWrite)
        {
            Interlocked.Exchange(ref context.NotifyState.EventSet, _flagged);
        }
    }

    private bool ReplacesClear(AioContext context)
    {
        BeforeClear?.Invoke();

        // The variants of H3 and H4 are about a poller that trusts the flag alone.
        context.HomeState.NotifierReadable &= !FlagBeforeWrite && !SkipWriteIfFlagged;
        return ClearLate;
    }

    private void ClearAfterBottomHalves(AioContext context)
    {
        if (ClearLate && context.HomeState.NotifierReadable)
        {
            context.HomeState.NotifierReadable = false;
            Volatile.Write(ref context.NotifyState.EventSet, 0);
            context.Notifier.TestAndClear();
        }
    }
}
