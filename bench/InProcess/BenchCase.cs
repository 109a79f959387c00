namespace VhostNet.InProcess;

/// <summary>One case of the bench.</summary>
/// <param name="Name">Its name in the table and the baseline file.</param>
/// <param name="Create">Makes what is measured and what it is compared with.</param>
internal sealed record BenchCase(string Name, Func<(Sampler Case, Sampler Reference)> Create)
{
    /// <summary>What it is compared with, for the table.</summary>
    public string Reference { get; init; } = "floor";

    /// <summary>Most nanoseconds that it should take, or null.</summary>
    public double? LimitNs { get; init; }

    /// <summary>Most that it should take as a multiple of its reference, or null.</summary>
    public double? LimitRatio { get; init; }

    /// <summary>A guest whose frames come back through the hairpin, compared with the floor for frames of that size.</summary>
    public static BenchCase Hairpin(string name, GuestShape shape, double? limitNs = null) =>
        new(name, () => (new HairpinRig(shape), new FrameFloor(shape.FrameSize))) { LimitNs = limitNs };

    /// <summary>Guests and a network, compared with the floor.</summary>
    public static BenchCase Network(string name, int frameSize, Func<Sampler> create) => new(name, () => (create(), new FrameFloor(frameSize)));

    /// <summary>One rig compared with another one.</summary>
    public static BenchCase Against(string name, string reference, double limit, Func<Sampler> create, Func<Sampler> other) =>
        new(name, () => (create(), other())) { Reference = reference, LimitRatio = limit };
}
