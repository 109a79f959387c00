namespace VhostNet.InProcess;

/// <summary>What a case came to.</summary>
/// <param name="Name">The case.</param>
/// <param name="Ns">Lower quartile of the nanoseconds for a unit.</param>
/// <param name="Ratio">The ratio to the reference's.</param>
/// <param name="ReferenceNs">Lower quartile of the reference's nanoseconds.</param>
/// <param name="Samples">Samples of each.</param>
internal sealed record BenchRow(string Name, double Ns, double Ratio, double ReferenceNs, int Samples)
{
    /// <summary>What it was compared with.</summary>
    public string Reference { get; init; } = "";

    /// <summary>Anything worth saying.</summary>
    public string Note { get; init; } = "";

    /// <summary>The limit, and whether it was kept; empty when there is none.</summary>
    public string Verdict { get; init; } = "";
}
