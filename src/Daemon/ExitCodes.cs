using VhostNet.Daemon.Common;

namespace VhostNet.Daemon;

/// <summary>What the process ends with when its start is refused.</summary>
internal static class ExitCodes
{
    /// <summary>The exit code for a kind of refusal.</summary>
    public static ExitCode Of(RefusalKind kind) => kind switch
    {
        RefusalKind.Wrong => ExitCode.Usage,
        RefusalKind.InUse => ExitCode.SocketInUse,
        _ => ExitCode.Resource,
    };
}
