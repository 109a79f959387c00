namespace VhostNet.Ctl.Common;

#pragma warning disable CA1032 // The standard constructors would allow one without an exit status.
/// <summary>Why a command was not carried out: one sentence, and what the program ends with.</summary>
/// <param name="exit">What the program ends with.</param>
/// <param name="message">The sentence; the daemon's own where it is the daemon that refused.</param>
/// <param name="inner">What was thrown before, if anything.</param>
internal sealed class CtlException(CtlExit exit, string message, Exception? inner = null) : Exception(message, inner)
#pragma warning restore CA1032
{
    /// <summary>What the program ends with.</summary>
    public CtlExit Exit { get; } = exit;
}
