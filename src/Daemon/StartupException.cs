namespace VhostNet.Daemon;

#pragma warning disable CA1032 // The standard constructors would allow one without an exit code.
/// <summary>Why the daemon can't start or carry out a change: one sentence for the operator that names the input and the remedy.</summary>
internal sealed class StartupException(ExitCode exitCode, string message, Exception? inner = null) : Exception(message, inner)
#pragma warning restore CA1032
{
    /// <summary>What the process ends with if nobody handles this.</summary>
    public ExitCode ExitCode { get; } = exitCode;
}
