namespace VhostNet.Aio.Failpoints;

/// <summary>A place in a context's code where a test may step in.</summary>
internal enum Failpoint
{
    /// <summary>A bottom half was put on the stack; its notification may be left out.</summary>
    Pushed,

    /// <summary>The notifier's descriptor is about to be written; the write and the flag may be left out.</summary>
    NotifierWrite,

    /// <summary>The descriptor was written, the flag is not set yet.</summary>
    NotifierWritten,

    /// <summary>The flag is set.</summary>
    NotifierFlagged,

    /// <summary>The flags were taken, the descriptor is not cleared yet; the clearing may be left out.</summary>
    NotifierClear,

    /// <summary>The outer loop is about to be woken; that may be left out.</summary>
    OuterKick,

    /// <summary>Bottom halves, handlers and timers are about to run.</summary>
    DispatchBegin,

    /// <summary>The bottom halves have run.</summary>
    BottomHalvesRun,

    /// <summary>Handlers and timers have run.</summary>
    DispatchEnd,

    /// <summary>The time-out is computed, the thread has not armed yet.</summary>
    BeforeArming,

    /// <summary>The look at the flag between arming and sleeping; it may be left out.</summary>
    LookAfterArming,

    /// <summary>With wait handles: the blocking wait is accounted for, which may be left out.</summary>
    Disarm,

    /// <summary>The monitor knows of a change of the handlers, inside the call that changes them.</summary>
    MonitorUpdated,

    /// <summary>A handler's descriptor turned out to be closed; the handler is not taken out yet.</summary>
    HandlerLosing,
}
