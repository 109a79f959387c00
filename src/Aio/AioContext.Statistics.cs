namespace VhostNet.Aio;

/// <content>Counters.</content>
public sealed partial class AioContext
{
    private long _bottomHalvesNotRun;
    private long _handlersRun;
    private long _timersRun;
    private long _handlersLost;
    private long _faults;

    /// <summary>
    /// How far the loop has come and what it is doing. Any thread, at any time, without garbage; the values are read one after the other and may be a moment
    /// apart.
    /// </summary>
    public AioProgress Progress => new()
    {
        Passes = Volatile.Read(ref _home.Polls),
        Callbacks = _ring.Taken + Volatile.Read(ref _handlersRun) + Volatile.Read(ref _timersRun),
        Activity = (AioActivity)Volatile.Read(ref _home.Activity),
        Owner = _frame.Owner,
    };

    /// <summary>Counters since the context was made. Any thread, without garbage; each number is exact or a little old.</summary>
    public AioStatistics GetStatistics() => new()
    {
        Polls = Volatile.Read(ref _home.Polls),
        Looks = Volatile.Read(ref _home.Waits),
        Sleeps = Volatile.Read(ref _home.Sleeps),
        Notifies = Volatile.Read(ref _home.Notifies) + Volatile.Read(ref _state.Notified) + _ring.Added,
        NotifierWrites = Volatile.Read(ref _state.NotifierWrites),
        Pollings = Volatile.Read(ref _home.Pollings),
        PollingSuccesses = Volatile.Read(ref _home.PollingSuccesses),
        PollingNs = Volatile.Read(ref _home.PollingNs),
        Gaps = Volatile.Read(ref _home.Gaps),
        GapMaxNs = Volatile.Read(ref _home.GapMaxNs),
        BusyNs = Volatile.Read(ref _home.BusyNs),
        BottomHalves = _ring.Taken - Volatile.Read(ref _bottomHalvesNotRun),
        Handlers = Volatile.Read(ref _handlersRun),
        Timers = Volatile.Read(ref _timersRun),
        HandlersLost = Volatile.Read(ref _handlersLost),
        Faults = Volatile.Read(ref _faults),
    };
}
