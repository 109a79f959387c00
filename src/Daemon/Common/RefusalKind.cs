namespace VhostNet.Daemon.Common;

/// <summary>
/// Why something is refused, which decides what whoever asked may do about it. A program's end and an answer over HTTP each have a number of their own for it.
/// </summary>
internal enum RefusalKind
{
    /// <summary>What was asked for is wrong in itself: asking again without changing it can't help.</summary>
    Wrong,

    /// <summary>What it names is not there.</summary>
    Missing,

    /// <summary>It can't be done as things are; after another change it could.</summary>
    Conflict,

    /// <summary>Something of the machine that it needs is missing or may not be used: a directory, a tap, a permission.</summary>
    Resource,

    /// <summary>A socket that it needs is in use by a running process.</summary>
    InUse,

    /// <summary>It waited for a thread, another request or a free descriptor as long as one should: worth another try.</summary>
    Busy,
}
