using System.Diagnostics;

namespace VhostNet.Latency;

/// <summary>Full traffic through a busy daemon, whose metrics and status are read every second meanwhile, as a monitoring system and an operator do.</summary>
internal static class GarbageBench
{
    public static async Task RunAsync(Report report, BenchOptions options)
    {
        double machineGaps = await PinnedThread.RunAsync(() => MachineGaps(TimeSpan.FromSeconds(options.Smoke ? 0.3 : 10)), Contender.BackEndCpu);
        report.Begin(
            "Garbage and gaps under full traffic",
            "back end", "seconds", "Mframes/s", "collections gen 0", "gen 1", "gen 2", "gaps > 1 ms", "the machine's own", "longest since start, ms", "B allocated a second", "target");
        foreach (string poll in options.Polls.Where(p => p is "busy" or "adaptive"))
        {
            await using Contender contender = await Contender.DaemonAsync(poll);
            using FrontendGuest guest = await PinnedThread.RunAsync(() =>
            {
                var made = new FrontendGuest(contender.SocketPath, 64, inFlight: 512);
                made.Settle();
                made.Pump(TimeSpan.FromSeconds(1));
                return made;
            });
            using var control = new ControlClient(contender.ControlPath);

            // The first requests compile what answers them.
            await WatchAsync(control, TimeSpan.FromSeconds(options.Smoke ? 1 : 5), PinnedThread.RunAsync(() => guest.Pump(TimeSpan.FromSeconds(options.Smoke ? 1 : 5))));
            MetricValues before = await control.MetricsAsync();
            long frames = guest.Received;
            await WatchAsync(control, options.GarbageTime, PinnedThread.RunAsync(() => guest.Pump(options.GarbageTime)));
            MetricValues after = await control.MetricsAsync();
            Add(report, contender, options.GarbageTime, guest.Received - frames, machineGaps * options.GarbageTime.TotalSeconds, before, after);
        }
    }

    /// <summary>Gaps a second of a thread that does nothing but look at the clock, where no daemon runs: what the kernel and the hypervisor take for themselves.</summary>
    private static double MachineGaps(TimeSpan time)
    {
        long begin = Stopwatch.GetTimestamp();
        long before = begin;
        int gaps = 0;
        for (long now = begin; now - begin < time.TotalSeconds * Stopwatch.Frequency; now = Stopwatch.GetTimestamp())
        {
            gaps += now - before > Stopwatch.Frequency / 1000 ? 1 : 0;
            before = now;
        }

        return gaps / time.TotalSeconds;
    }

    private static async Task WatchAsync(ControlClient control, TimeSpan time, Task traffic)
    {
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (double elapsed = 0; elapsed < time.TotalSeconds && !traffic.IsCompleted; elapsed++)
        {
            _ = await control.MetricsAsync();
            await control.StatusAsync();
            await second.WaitForNextTickAsync();
        }

        await traffic;
    }

    private static void Add(Report report, Contender contender, TimeSpan time, long frames, double machineGaps, MetricValues before, MetricValues after)
    {
        double Collections(int generation) => after.Sum("vhostnet_process_collections_total", $"generation=\"{generation}\"")
            - before.Sum("vhostnet_process_collections_total", $"generation=\"{generation}\"");
        double gaps = after.Sum("vhostnet_thread_gaps_total") - before.Sum("vhostnet_thread_gaps_total");
        bool met = Collections(1) + Collections(2) == 0;
        report.Add(
            contender.Name,
            time.TotalSeconds,
            frames / time.TotalSeconds / 1e6,
            Collections(0),
            Collections(1),
            Collections(2),
            gaps,
            machineGaps,
            after.Sum("vhostnet_thread_gap_max") / 1e6,
            (after.Sum("vhostnet_process_allocated_bytes_total") - before.Sum("vhostnet_process_allocated_bytes_total")) / time.TotalSeconds,
            report.Judge(met, "no gen 1 or 2"));
    }
}
