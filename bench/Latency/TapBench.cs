using System.Diagnostics;

namespace VhostNet.Latency;

/// <summary>
/// Frames between a guest and a tap in a namespace of the bench's own. Outwards they end in the host's stack, which drops them; inwards a packet socket sends them,
/// never more than the tap's queue holds. The guest and that sender share processor 0, the back end has processor 1.
/// </summary>
internal static class TapBench
{
    private const string Tap = "tap0";
    private const int InQueue = 400;

    public static async Task RunAsync(Report report, BenchOptions options)
    {
        report.Begin(
            "Guest and tap", "back end", "direction", "frame, B", "kframes/s", "Gbit/s", "read and write calls a frame", "% of a processor");
        foreach (string poll in options.Polls.Where(p => p is "busy" or "adaptive"))
        {
            await DaemonAsync(report, poll, TapFrame.Small(64), options.Time);
            await DaemonAsync(report, poll, TapFrame.Small(1514), options.Time);
            await DaemonAsync(report, poll, TapFrame.Large(), options.Time);
        }

        if (!options.Polls.Contains(BenchOptions.Testpmd))
        {
            return;
        }

        await TestpmdAsync(report, TapFrame.Small(64), options.Time);
        await TestpmdAsync(report, TapFrame.Small(1514), options.Time);
    }

    private static async Task DaemonAsync(Report report, string poll, byte[] frame, TimeSpan time)
    {
        await using NetworkNamespace inside = await NetworkNamespace.CreateAsync();
        await inside.CreateTapAsync(Tap, null);
        await using Contender contender = await Contender.DaemonAsync(poll, $"tap:{Tap}", inside);
        await BothWaysAsync(report, contender, inside, frame, time, TapFrame.OffloadFeatures);
    }

    private static async Task TestpmdAsync(Report report, byte[] frame, TimeSpan time)
    {
        await using NetworkNamespace inside = await NetworkNamespace.CreateAsync();
        await using Contender contender = await Contender.TestpmdTapAsync(Tap, inside);
        await inside.IpAsync($"link set {Tap} up");
        await BothWaysAsync(report, contender, inside, frame, time, 0);
    }

    private static async Task BothWaysAsync(Report report, Contender contender, NetworkNamespace inside, byte[] frame, TimeSpan time, ulong features)
    {
        using InterfaceSender sender = inside.Make(() => new InterfaceSender(Tap, frame));
        await PinnedThread.RunAsync(() =>
        {
            using var guest = new FrontendGuest(contender.SocketPath, frame.Length - FrontendGuest.HeaderSize, frame.Length > 4096 ? 64 : 512, features);
            guest.Fill(frame);
            guest.Pump(time / 5);
            Measure(report, contender, "to the tap", frame, time, () =>
            {
                long before = guest.Sent;
                guest.Pump(time);
                return guest.Sent - before;
            });
            guest.Pump(TimeSpan.FromMilliseconds(50), send: false);
            Measure(report, contender, "from the tap", frame, time, () => Inwards(guest, sender, time));
        });
    }

    private static void Measure(Report report, Contender contender, string direction, byte[] frame, TimeSpan time, Func<long> run)
    {
        long calls = contender.ReadAndWriteCalls;
        TimeSpan processor = contender.Process.ProcessorTime;
        long start = Stopwatch.GetTimestamp();
        long frames = run();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int size = frame.Length - FrontendGuest.HeaderSize;
        report.Add(
            contender.Name, direction, (double)size,
            frames / seconds / 1000,
            frames / seconds * size * 8 / 1e9,
            frames == 0 ? double.NaN : (double)(contender.ReadAndWriteCalls - calls) / frames,
            (contender.Process.ProcessorTime - processor).TotalSeconds / seconds * 100);
    }

    private static long Inwards(FrontendGuest guest, InterfaceSender sender, TimeSpan time)
    {
        long begin = guest.Received;
        long sent = 0;
        long lost = 0;
        long progress = Stopwatch.GetTimestamp();
        long end = progress + (long)(time.TotalSeconds * Stopwatch.Frequency);
        long before = begin;
        for (long now = progress; now < end; now = Stopwatch.GetTimestamp())
        {
            long under = sent - lost - (guest.Received - begin);
            if (under < InQueue)
            {
                sent += sender.Send(32);
            }

            guest.Turn(send: false);
            if (guest.Received != before)
            {
                before = guest.Received;
                progress = now;
            }
            else if (now - progress > Stopwatch.Frequency / 100)
            {
                // What is not there by now was dropped on the way.
                lost = sent - (guest.Received - begin);
                progress = now;
            }
        }

        return guest.Received - begin;
    }
}
