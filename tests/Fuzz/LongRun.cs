using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Fuzz;

/// <summary>
/// All targets in turn on all processors, for hours. Each slice is a process of its own: one that crashes is a finding with a seed like any other, and none
/// counts what another one holds. Seeds go on from slice to slice, so that no case runs twice.
/// </summary>
internal static partial class LongRun
{
    private static readonly TimeSpan s_sliceMax = TimeSpan.FromSeconds(60);

    /// <summary>A slice ends after its case, which its own watchdog ends; a busy machine may keep it for long.</summary>
    private static readonly TimeSpan s_endMax = TimeSpan.FromMinutes(10);

    /// <summary>Cases of one slice are numbered within so many seeds.</summary>
    private const long SeedsOfSlice = 100_000_000;

    public static async Task<(int Passed, int Failed)> RunAsync(FuzzOptions options)
    {
        var tallies = TargetCatalog.All.ToDictionary(t => t.Name, _ => new Tally());
        string[] round = [.. Enumerable.Range(0, TargetCatalog.All.Max(t => t.Slices)).SelectMany(i => TargetCatalog.All.Where(t => t.Slices > i)).Select(t => t.Name)];
        TimeSpan slice = options.Time * Environment.ProcessorCount / round.Length;
        slice = slice < s_sliceMax ? slice : s_sliceMax;
        long start = Stopwatch.GetTimestamp();
        int next = -1;
        IEnumerable<Task> workers = Enumerable.Range(0, Math.Max(1, Environment.ProcessorCount)).Select(async _ =>
        {
            while (options.Time - Stopwatch.GetElapsedTime(start) is var left && left > TimeSpan.FromSeconds(1))
            {
                int number = Interlocked.Increment(ref next);
                string name = round[number % round.Length];
                await SliceAsync(name, options.Seed + (number * SeedsOfSlice), left < slice ? left : slice, tallies[name]);
            }
        });
        await Task.WhenAll(workers);
        return Summarise(tallies, Stopwatch.GetElapsedTime(start));
    }

    private static async Task SliceAsync(string name, long seed, TimeSpan time, Tally tally)
    {
        using var directory = new TestDirectory();
        string progress = directory.File("progress");
        string[] arguments =
        [
            "run", "--target", name, "--seed", seed.ToString(CultureInfo.InvariantCulture), "--seconds",
            Math.Max(1, (int)time.TotalSeconds).ToString(CultureInfo.InvariantCulture), "--progress", progress,
        ];
        await using ChildProcess process = await ChildProcess.StartAsync(name, Environment.ProcessPath!, arguments);
        int status = await process.WaitForExitAsync(time + s_endMax);
        string output = process.Output.ToString();
        Match match = CasesLine().Match(output);
        lock (tally)
        {
            tally.Seconds += time.TotalSeconds;
            long last = File.Exists(progress) ? CaseProgress.Read(progress) : seed;
            tally.Cases += match.Success ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : last - seed + 1;
            if (status != 0)
            {
                bool isKnown = output.Contains(": found with seed ", StringComparison.Ordinal);
                tally.Findings.Add(isKnown ? output.Trim() : $"{name}: the process ended with status {status} in the case of seed {last}\n{process.Output.Tail()}");
            }
        }

        if (status != 0)
        {
            Console.WriteLine(tally.Findings[^1]);
        }
    }

    private static (int Passed, int Failed) Summarise(Dictionary<string, Tally> tallies, TimeSpan took)
    {
        Console.WriteLine($"{"target",-12} {"cases",12} {"cases/s",9} {"findings",9}");
        foreach ((string name, Tally tally) in tallies)
        {
            Console.WriteLine($"{name,-12} {tally.Cases,12} {tally.Cases / Math.Max(1, tally.Seconds),9:f0} {tally.Findings.Count,9}");
        }

        Console.WriteLine($"{tallies.Values.Sum(t => t.Cases)} cases in {took.TotalSeconds:f0} s");
        int failed = tallies.Values.Count(t => t.Findings.Count > 0);
        return (tallies.Values.Count(t => t.Cases > 0 && t.Findings.Count == 0), failed);
    }

    [GeneratedRegex(@": (\d+) cases from seed")]
    private static partial Regex CasesLine();

    private sealed class Tally
    {
        public long Cases { get; set; }

        public double Seconds { get; set; }

        public List<string> Findings { get; } = [];
    }
}
