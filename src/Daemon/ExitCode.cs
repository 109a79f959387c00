namespace VhostNet.Daemon;

/// <summary>What the process ends with; documented in docs/operating.md.</summary>
internal enum ExitCode
{
    /// <summary>Asked to end, or the one session of an inherited connection is over.</summary>
    Success = 0,

    /// <summary>A defect of the daemon.</summary>
    Internal = 1,

    /// <summary>The command line or the configuration is wrong: starting again without changing it can't help.</summary>
    Usage = 2,

    /// <summary>Something that the configuration names is missing or may not be used: a directory, a tap, a permission.</summary>
    Resource = 3,

    /// <summary>A socket is in use by a running process.</summary>
    SocketInUse = 4,
}
