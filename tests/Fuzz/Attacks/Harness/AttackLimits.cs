namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>How long an attack runs, and what it may cost the daemon and the others.</summary>
/// <param name="Time">At most this long.</param>
/// <param name="Rounds">At most so many rounds.</param>
internal sealed record AttackLimits(TimeSpan Time, long Rounds)
{
    /// <summary>An answer of the control API is late after this time: 2 % may be, and none by more than five times.</summary>
    public const double ControlMilliseconds = 100;

    /// <summary>Descriptors that may be open in the end besides those after the first fifth of the time: connections that are ending.</summary>
    public const int DescriptorsMore = 16;

    /// <summary>Private memory that may have come in the same time: what the collector has not taken yet.</summary>
    public const long BytesMore = 48L << 20;
}
