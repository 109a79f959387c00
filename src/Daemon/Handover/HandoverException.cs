namespace VhostNet.Daemon.Handover;

#pragma warning disable CA1032 // The standard constructors would allow one without a sentence.
/// <summary>A take-over that comes to nothing, as a sentence for the operator.</summary>
/// <param name="message">The sentence.</param>
/// <param name="isGone">Whether the other process ended or closed the connection.</param>
/// <param name="inner">What was thrown before, if anything.</param>
internal sealed class HandoverException(string message, bool isGone = false, Exception? inner = null) : Exception(message, inner)
#pragma warning restore CA1032
{
    /// <summary>Whether the other process ended or closed the connection.</summary>
    public bool IsGone { get; } = isGone;
}
