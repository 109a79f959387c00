using System.Diagnostics;

namespace VhostNet.Latency;

/// <summary>What a back end costs while its guest does nothing, and how soon it is ready.</summary>
internal static class IdleBench
{
    private const double PercentMax = 0.5;
    private const double MebibytesMax = 80;
    private const double ReadyMax = 250;
    private const int Starts = 5;

    public static async Task RunAsync(Report report, BenchOptions options)
    {
        report.Begin("Idle with one attached guest", "back end", "% of a processor", "MiB resident", "ms from exec to listening", "target");
        foreach (string poll in options.Polls.Where(p => p != BenchOptions.Testpmd))
        {
            TimeSpan ready = await ReadyAsync(poll);
            await using Contender contender = await Contender.DaemonAsync(poll);
            (double percent, double mebibytes) = await MeasureAsync(contender, options.Time);
            bool met = (poll == "busy" || percent < PercentMax) && mebibytes < MebibytesMax && ready.TotalMilliseconds < ReadyMax;
            string target = poll == "busy" ? "80 MiB, 250 ms" : "0.5 %, 80 MiB, 250 ms";
            report.Add(contender.Name, percent, mebibytes, ready.TotalMilliseconds, report.Judge(met, target));
        }

        if (!options.Polls.Contains(BenchOptions.Testpmd))
        {
            return;
        }

        await using Contender testpmd = await Contender.TestpmdAsync();
        (double theirs, double memory) = await MeasureAsync(testpmd, options.Time);
        report.Add(testpmd.Name, theirs, memory, double.NaN, "");
    }

    /// <summary>The least of several starts: what the daemon needs, without what else the machine was doing.</summary>
    private static async Task<TimeSpan> ReadyAsync(string poll)
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int i = 0; i < Starts; i++)
        {
            await using Contender contender = await Contender.DaemonAsync(poll);
            best = contender.ReadyAfter < best ? contender.ReadyAfter : best;
        }

        return best;
    }

    private static async Task<(double Percent, double Mebibytes)> MeasureAsync(Contender contender, TimeSpan time)
    {
        using FrontendGuest guest = await PinnedThread.RunAsync(() =>
        {
            var made = new FrontendGuest(contender.SocketPath, 64, inFlight: 64);
            made.Settle();
            return made;
        });

        // What start-up and the first frames left to be done (compiling, mostly) is over after a moment.
        using var settle = new PeriodicTimer(TimeSpan.FromSeconds(Math.Min(3, time.TotalSeconds)));
        await settle.WaitForNextTickAsync();
        using var end = new PeriodicTimer(time);
        TimeSpan before = contender.Process.ProcessorTime;
        long start = Stopwatch.GetTimestamp();
        await end.WaitForNextTickAsync();
        double percent = (contender.Process.ProcessorTime - before) / Stopwatch.GetElapsedTime(start) * 100;
        return (percent, contender.Process.ResidentBytes / 1048576.0);
    }
}
