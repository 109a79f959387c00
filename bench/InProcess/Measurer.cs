using System.Diagnostics;
using System.Globalization;

namespace VhostNet.InProcess;

/// <summary>
/// Samples a case and its reference by turns. A virtual processor's speed changes from one moment to the next; the two samples of a pair were taken within a
/// millisecond of each other, so that their ratio keeps its meaning.
/// </summary>
internal static class Measurer
{
    private const int PairsMin = 3;

    public static BenchRow Measure(BenchCase benchCase, double seconds)
    {
        (Sampler measured, Sampler reference) = benchCase.Create();
        using Sampler first = measured;
        using Sampler second = reference;
        var costs = new List<double>();
        var floors = new List<double>();
        var ratios = new List<double>();

        // The first pair warms caches and branch predictors and does not count.
        _ = first.Sample();
        double before = second.Sample();
        long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        while (ratios.Count < PairsMin || Stopwatch.GetTimestamp() < end)
        {
            double cost = first.Sample();
            double after = second.Sample();
            costs.Add(cost);
            floors.Add(after);
            ratios.Add(cost / ((before + after) / 2));
            before = after;
        }

        var row = new BenchRow(benchCase.Name, Median(costs), Median(ratios), Median(floors), ratios.Count) { Reference = benchCase.Reference, Note = first.Note };
        return row with { Verdict = Judge(benchCase, row) };
    }

    private static string Judge(BenchCase benchCase, BenchRow row) => benchCase switch
    {
        { LimitNs: { } limit } => string.Create(CultureInfo.InvariantCulture, $"{(row.Ns <= limit ? "met" : "MISSED")} (at most {limit} ns)"),
        { LimitRatio: { } limit } => string.Create(CultureInfo.InvariantCulture, $"{(row.Ratio <= limit ? "met" : "MISSED")} (at most {limit:F2})"),
        _ => "",
    };

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
