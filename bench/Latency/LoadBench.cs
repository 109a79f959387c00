namespace VhostNet.Latency;

/// <summary>Rates of two daemons that stay alive side by side, in windows by turns; the one whose turn it is not is stopped.</summary>
internal static class LoadBench
{
    private const double RatioMin = 0.95;
    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(250);

    public static async Task RunAsync(Report report, BenchOptions options)
    {
        report.Begin("Adaptive beside busy, 64 B through the hairpin", "frames in flight", "adaptive Mframes/s", "busy Mframes/s", "paired ratio", "n", "target");
        foreach (int inFlight in new[] { 512, 32 })
        {
            await using Contender busy = await Contender.DaemonAsync("busy");
            busy.Pause();
            await using Contender adaptive = await Contender.DaemonAsync("adaptive");
            busy.Resume();
            await PinnedThread.RunAsync(() => Measure(report, adaptive, busy, inFlight, options.Time * 2));
        }
    }

    private static void Measure(Report report, Contender adaptive, Contender busy, int inFlight, TimeSpan time)
    {
        using FrontendGuest first = Connect(adaptive, inFlight);
        adaptive.Pause();
        using FrontendGuest second = Connect(busy, inFlight);
        busy.Pause();
        var ours = new List<double>();
        var theirs = new List<double>();
        var ratios = new List<double>();
        for (int i = 0; i < Math.Max(3, time / s_window / 2); i++)
        {
            double rate = Window(adaptive, first);
            double other = Window(busy, second);
            ours.Add(rate);
            theirs.Add(other);
            ratios.Add(rate / other);
        }

        double ratio = Median(ratios);
        report.Add(
            inFlight.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Median(ours), Median(theirs), ratio, (double)ratios.Count, report.Judge(ratio >= RatioMin, "at least 0.95"));
        busy.Resume();
        adaptive.Resume();
    }

    private static FrontendGuest Connect(Contender contender, int inFlight)
    {
        var guest = new FrontendGuest(contender.SocketPath, 64, inFlight);
        guest.Settle();
        return guest;
    }

    private static double Window(Contender contender, FrontendGuest guest)
    {
        contender.Resume();
        guest.Pump(s_window / 5);
        long before = guest.Received;
        guest.Pump(s_window);
        double rate = (guest.Received - before) / s_window.TotalSeconds / 1e6;
        contender.Pause();
        return rate;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
