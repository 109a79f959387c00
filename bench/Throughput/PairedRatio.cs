namespace VhostNet.Throughput;

/// <summary>
/// The ratio of two back ends' rates. It is taken only between windows of the same round in which the processors stood equally far apart; of these
/// ratios the median is told, for all windows and for those near and far.
/// </summary>
internal sealed record PairedRatio(string Of, string To, double? Target)
{
    /// <summary>Median of the ratios; null if no two windows could be paired.</summary>
    public double? Median { get; init; }

    /// <summary>A quarter of the ratios is below this.</summary>
    public double? LowerQuartile { get; init; }

    /// <summary>A quarter of the ratios is above this.</summary>
    public double? UpperQuartile { get; init; }

    /// <summary>How many pairs there are.</summary>
    public int N { get; init; }

    /// <summary>Median of the pairs near each other.</summary>
    public double? Near { get; init; }

    /// <summary>How many these are.</summary>
    public int NearN { get; init; }

    /// <summary>Median of the pairs far from each other.</summary>
    public double? Far { get; init; }

    /// <summary>How many these are.</summary>
    public int FarN { get; init; }

    /// <summary>Pairs the windows of two back ends.</summary>
    public static PairedRatio Take(Comparison comparison, IReadOnlyList<BackendResult> backends)
    {
        IReadOnlyList<Window> of = backends.First(b => b.Name == comparison.Of).Windows;
        IReadOnlyList<Window> to = backends.First(b => b.Name == comparison.To).Windows;
        List<(Distance Distance, double Ratio)> pairs =
        [
            .. from a in of
               join b in to on (a.Round, a.Distance) equals (b.Round, b.Distance)
               where a.Distance != Distance.Unsteady && b.Mpps > 0
               select (a.Distance, a.Mpps / b.Mpps),
        ];
        double[] all = [.. pairs.Select(static p => p.Ratio)];
        double[] near = [.. pairs.Where(static p => p.Distance == Distance.Near).Select(static p => p.Ratio)];
        double[] far = [.. pairs.Where(static p => p.Distance == Distance.Far).Select(static p => p.Ratio)];
        return new PairedRatio(comparison.Of, comparison.To, comparison.Target)
        {
            Median = Statistics.Median(all),
            LowerQuartile = Statistics.Quantile(all, 0.25),
            UpperQuartile = Statistics.Quantile(all, 0.75),
            N = all.Length,
            Near = Statistics.Median(near),
            NearN = near.Length,
            Far = Statistics.Median(far),
            FarN = far.Length,
        };
    }
}
