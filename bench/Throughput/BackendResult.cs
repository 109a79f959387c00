namespace VhostNet.Throughput;

/// <summary>What one back end did in one case.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Features">The features that were negotiated, in hexadecimal.</param>
/// <param name="Windows">All its windows.</param>
internal sealed record BackendResult(string Name, string Features, IReadOnlyList<Window> Windows)
{
    /// <summary>Median rate in million frames per second. Not to be compared with that of another case or run: the processors may have stood otherwise.</summary>
    public double? MedianMpps => Statistics.Median(Windows.Select(static w => w.Mpps));

    /// <summary>The best window.</summary>
    public double? BestMpps => Windows.Count == 0 ? null : Windows.Max(static w => w.Mpps);
}
