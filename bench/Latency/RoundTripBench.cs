using System.Diagnostics;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Latency;

/// <summary>
/// One frame at a time through the hairpin and back. A guest that polls sees the back end's own time; one that sleeps adds its interrupt. Frames follow one
/// another at once, or with a pause in which a back end that adapts goes to sleep.
/// </summary>
internal static class RoundTripBench
{
    private const int FrameSize = 64;
    private const int WarmUp = 500;
    private const int SamplesMax = 4_000_000;

    public static async Task RunAsync(Report report, BenchOptions options)
    {
        report.Begin("Round trip of one 64 B frame, microseconds", "back end", "guest", "frames", "p50", "p99", "max", "n");
        foreach (string poll in options.Polls)
        {
            await using Contender contender = await (poll == BenchOptions.Testpmd ? Contender.TestpmdAsync() : Contender.DaemonAsync(poll));
            await PinnedThread.RunAsync(() => Measure(report, contender, options.Time));
        }
    }

    private static void Measure(Report report, Contender contender, TimeSpan time)
    {
        using var guest = new FrontendGuest(contender.SocketPath, FrameSize, inFlight: 4, VirtioFeatures.EVENT_IDX);
        guest.Settle();
        foreach (bool sleeping in new[] { false, true })
        {
            foreach (int pauseMicroseconds in new[] { 0, 1000 })
            {
                Func<long> roundTrip = sleeping ? guest.RoundTripSleeping : guest.RoundTripPolling;
                List<long> ticks = Collect(roundTrip, pauseMicroseconds, time);
                ticks.Sort();
                report.Add(
                    contender.Name,
                    sleeping ? "sleeps" : "polls",
                    pauseMicroseconds == 0 ? "back to back" : "1 ms apart",
                    Microseconds(ticks[ticks.Count / 2]),
                    Microseconds(ticks[(int)(ticks.Count * 0.99)]),
                    Microseconds(ticks[^1]),
                    (double)ticks.Count);
            }
        }
    }

    private static List<long> Collect(Func<long> roundTrip, int pauseMicroseconds, TimeSpan time)
    {
        // Allocated beforehand: a collection in this process would be measured too.
        var ticks = new List<long>(SamplesMax);
        for (int i = 0; i < (pauseMicroseconds == 0 ? WarmUp : WarmUp / 50); i++)
        {
            _ = roundTrip();
        }

        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        while (ticks.Count < SamplesMax && Stopwatch.GetTimestamp() < end)
        {
            long next = Stopwatch.GetTimestamp() + (pauseMicroseconds * Stopwatch.Frequency / 1_000_000);
            while (Stopwatch.GetTimestamp() < next)
            {
                Thread.SpinWait(10);
            }

            ticks.Add(roundTrip());
        }

        return ticks;
    }

    private static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
}
