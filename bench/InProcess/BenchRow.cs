namespace VhostNet.InProcess;

/// <summary>What a case came to.</summary>
/// <param name="Name">The case.</param>
/// <param name="Ns">Median nanoseconds for a unit.</param>
/// <param name="Ratio">Median of the ratios to the reference, each of two samples that stood side by side.</param>
/// <param name="ReferenceNs">Median nanoseconds of the reference.</param>
/// <param name="Samples">Pairs of samples.</param>
internal sealed record BenchRow(string Name, double Ns, double Ratio, double ReferenceNs, int Samples)
{
    /// <summary>What it was compared with.</summary>
    public string Reference { get; init; } = "";

    /// <summary>Anything worth saying.</summary>
    public string Note { get; init; } = "";

    /// <summary>The limit, and whether it was kept; empty when there is none.</summary>
    public string Verdict { get; init; } = "";
}
