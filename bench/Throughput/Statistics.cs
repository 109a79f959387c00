namespace VhostNet.Throughput;

/// <summary>Order statistics of a few figures.</summary>
internal static class Statistics
{
    /// <summary>The value below which the given part of the figures lies, interpolated; null without figures.</summary>
    public static double? Quantile(IEnumerable<double> figures, double part)
    {
        double[] sorted = [.. figures.Order()];
        if (sorted.Length == 0)
        {
            return null;
        }

        double position = part * (sorted.Length - 1);
        int below = (int)position;
        double above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return Math.Round(sorted[below] + ((above - sorted[below]) * (position - below)), 4);
    }

    /// <summary>The middle one.</summary>
    public static double? Median(IEnumerable<double> figures) => Quantile(figures, 0.5);
}
