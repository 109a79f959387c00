namespace VhostNet.Daemon.Common;

#pragma warning disable CA1032 // The standard constructors would allow one without a kind.
/// <summary>
/// Why the daemon can't start, carry out a change or answer a request: one sentence for the operator that names the input and the remedy. Whoever throws it
/// knows neither exit codes nor HTTP; the program's end and the control API make their numbers of its kind.
/// </summary>
/// <param name="kind">Why.</param>
/// <param name="message">The sentence.</param>
/// <param name="inner">What was thrown before, if anything.</param>
internal class RefusalException(RefusalKind kind, string message, Exception? inner = null) : Exception(message, inner)
#pragma warning restore CA1032
{
    /// <summary>Why it is refused.</summary>
    public RefusalKind Kind { get; } = kind;
}
