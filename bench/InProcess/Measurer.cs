using System.Diagnostics;
using System.Globalization;

namespace VhostNet.InProcess;

/// <summary>
/// Samples a case and its reference by turns, half a millisecond each: a virtual processor's speed changes from one moment to the next, and both are to meet the
/// same changes. The lower quartile counts, since what disturbs a sample only ever adds to it.
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

        // The first pair warms caches and branch predictors and does not count.
        _ = first.Sample();
        _ = second.Sample();
        long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        while (costs.Count < PairsMin || Stopwatch.GetTimestamp() < end)
        {
            costs.Add(first.Sample());
            floors.Add(second.Sample());
        }

        var row = new BenchRow(benchCase.Name, Quartile(costs), Quartile(costs) / Quartile(floors), Quartile(floors), costs.Count) { Reference = benchCase.Reference, Note = first.Note };
        return row with { Verdict = Judge(benchCase, row) };
    }

    private static string Judge(BenchCase benchCase, BenchRow row) => benchCase switch
    {
        { LimitNs: { } limit } => string.Create(CultureInfo.InvariantCulture, $"{(row.Ns <= limit ? "met" : "MISSED")} (at most {limit} ns)"),
        { LimitRatio: { } limit } => string.Create(CultureInfo.InvariantCulture, $"{(row.Ratio <= limit ? "met" : "MISSED")} (at most {limit:F2})"),
        _ => "",
    };

    private static double Quartile(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 4];
    }
}
