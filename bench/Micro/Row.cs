namespace VhostNet.Micro;

/// <summary>One measured figure.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Ns">Nanoseconds.</param>
internal sealed record Row(string Name, double Ns)
{
    /// <summary>QEMU 7.2's figure on the machine of the reference notes, in nanoseconds; NaN where it has none.</summary>
    public double Qemu { get; init; } = double.NaN;

    /// <summary>Bytes allocated for each operation; NaN where they were not counted.</summary>
    public double Bytes { get; init; } = double.NaN;

    /// <summary>Anything else worth saying.</summary>
    public string Note { get; init; } = "";
}
