using System.Diagnostics;

namespace VhostNet.Throughput;

/// <summary>Runs one case: all its back ends are started and kept alive, and have their windows in turn.</summary>
internal sealed class CaseRun(BenchCase benchCase, CasePlan plan, BenchOptions options, CacheLineProbe probe)
{
    /// <summary>Runs it and returns what it showed.</summary>
    public async Task<CaseResult> RunAsync(string run)
    {
        using TestDirectory directory = new();
        List<Contender> contenders = [];
        try
        {
            foreach (Backend backend in plan.Backends)
            {
                contenders.Add(await Contender.StartAsync(backend, benchCase, directory));
            }

            await RunWindowsAsync(contenders);
        }
        finally
        {
            foreach (Contender contender in contenders)
            {
                await contender.DisposeAsync();
            }
        }

        BackendResult[] results = [.. contenders.Select(static c => new BackendResult(c.Name, c.Features, c.Windows))];
        return new CaseResult(benchCase.Name, run, results, [.. plan.Comparisons.Select(c => PairedRatio.Take(c, results))]);
    }

    private async Task RunWindowsAsync(List<Contender> contenders)
    {
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < BenchOptions.LeastRounds || Stopwatch.GetElapsedTime(start) < options.CaseTime; round++)
        {
            // Everybody is the first in turn, as the processors may drift within a round.
            for (int i = 0; i < contenders.Count; i++)
            {
                await contenders[(round + i) % contenders.Count].RunAsync(round, options.WindowTime, probe);
            }
        }
    }
}
