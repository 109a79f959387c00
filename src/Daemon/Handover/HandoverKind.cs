namespace VhostNet.Daemon.Handover;

/// <summary>What a message between two daemons says, one of which takes over from the other. Numbers are on the wire and never change.</summary>
internal enum HandoverKind : ushort
{
    /// <summary>New to old: which forms of the state it reads.</summary>
    Hello = 1,

    /// <summary>Old to new, while it forwards: everything, to be prepared.</summary>
    State = 2,

    /// <summary>New to old: all is prepared.</summary>
    Ready = 3,

    /// <summary>Old to new, with nothing under way any more: everything once more, as it is now.</summary>
    Final = 4,

    /// <summary>New to old: it forwards.</summary>
    Started = 5,

    /// <summary>Old to new: the service manager knows whom to watch now.</summary>
    Over = 6,

    /// <summary>Either way: a sentence that says why nothing comes of it.</summary>
    Failed = 7,
}
