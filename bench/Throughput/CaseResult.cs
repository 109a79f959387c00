namespace VhostNet.Throughput;

/// <summary>What one case showed.</summary>
/// <param name="Name">The case.</param>
/// <param name="Run">The date of the run that measured it, see <see cref="RunDescription"/>.</param>
/// <param name="Backends">The back ends, with all windows.</param>
/// <param name="Ratios">The ratios between them.</param>
internal sealed record CaseResult(string Name, string Run, IReadOnlyList<BackendResult> Backends, IReadOnlyList<PairedRatio> Ratios);
