namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>How long an attack runs, and what it may cost the daemon and the others.</summary>
/// <param name="Time">At most this long.</param>
/// <param name="Rounds">At most so many rounds.</param>
internal sealed record AttackLimits(TimeSpan Time, long Rounds)
{
    /// <summary>An answer of the control API is late after this time. One of a hundred may be: the asking process shares two processors with the daemon, the attacker and the innocent pair.</summary>
    public const double ControlMilliseconds = 100;

    /// <summary>No answer may take longer than this.</summary>
    public const double ControlMillisecondsMost = 250;

    /// <summary>Descriptors that may be open in the end besides those after the first fifth of the time: connections that are ending.</summary>
    public const int DescriptorsMore = 16;

    /// <summary>Private memory that may have come in the same time: what the collector has not taken yet.</summary>
    public const long BytesMore = 48L << 20;
}
