namespace VhostNet.Ctl.Common;

/// <summary>What the program ends with; documented in docs/vhostnetctl.md.</summary>
internal enum CtlExit
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>A defect of this program.</summary>
    Internal = 1,

    /// <summary>What was asked for is wrong: the command line, a name, a key or a value. Asking again can't help.</summary>
    Wrong = 2,

    /// <summary>The daemon can't be reached, or a file or program that is needed can't be used.</summary>
    Unreachable = 3,

    /// <summary>The daemon refused as things are: something is in the way, or it is busy.</summary>
    Refused = 4,

    /// <summary>The daemon answered, and a thread of it stands still.</summary>
    Unhealthy = 5,
}
