using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.Timers;

namespace VhostNet.Micro;

/// <summary>Ten thousand timers, and how late one is.</summary>
internal static class TimerCases
{
    private const int Count = 10_000;
    private const long FarNs = 3_600_000_000_000;

    public static IEnumerable<Row> Run(Meter meter)
    {
        using var context = new AioContext();
        long fired = 0;
        var timers = new AioTimer[Count];
        Action fire = () => fired++;
        for (int i = 0; i < Count; i++)
        {
            timers[i] = context.CreateTimer(AioClock.Monotonic, fire);
        }

        var random = new Random(1);
        long[] shuffled = [.. Enumerable.Range(0, Count).Select(static i => (long)i)];
        random.Shuffle(shuffled);
        yield return Add("ascending", 11_600, static i => i);
        yield return Add("descending", 5_800, static i => Count - i);
        yield return Add("random", 33_100, i => shuffled[i]);
        yield return Add("equal", 11_800, static _ => 0);

        // In the order in which they were made, which is that of the memory, and in a random one.
        yield return Fire("made in this order", static i => i);
        yield return Fire("in a random order", i => shuffled[i]);

        Row Fire(string name, Func<int, long> deadline)
        {
            var passes = new List<double>();
            long before = fired;
            for (int round = 0; round < meter.Batches; round++)
            {
                for (int i = 0; i < Count; i++)
                {
                    timers[i].Modify(deadline(i));
                }

                long start = Stopwatch.GetTimestamp();
                context.Poll(false);
                passes.Add(Meter.Nanoseconds(Stopwatch.GetTimestamp() - start) / Count);
            }

            if (fired - before != (long)Count * meter.Batches)
            {
                throw new InvalidOperationException($"{fired - before} timers fired, {(long)Count * meter.Batches} were expected");
            }

            return new Row($"10,000 expired, {name}, fired in one pass, each", Meter.Median(passes)) { Qemu = 19 };
        }

        Row Add(string name, double qemu, Func<int, long> deadline)
        {
            long now = AioClock.Monotonic.NowNs + FarNs;
            var samples = new List<double>();
            for (int round = 0; round < meter.Batches; round++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Count; i++)
                {
                    timers[i].Modify(now + (deadline(i) * 1000));
                }

                samples.Add(Meter.Nanoseconds(Stopwatch.GetTimestamp() - start) / Count);
                foreach (AioTimer timer in timers)
                {
                    timer.Delete();
                }
            }

            return new Row($"10,000 timers, {name} deadlines, add, each", Meter.Median(samples)) { Qemu = qemu };
        }
    }

    /// <summary>How late a 100 microsecond timer is when the loop sleeps.</summary>
    public static IEnumerable<Row> Lateness(int samples)
    {
        // The kernel's default slack of 50 us would be all that is measured; an IoThread turns it off as well.
        _ = prctl(PR_SET_TIMERSLACK, 1);
        using var context = new AioContext();
        bool fired = false;
        AioTimer timer = context.CreateTimer(AioClock.Monotonic, () => fired = true);
        var late = new List<double>();
        for (int i = 0; i < samples; i++)
        {
            fired = false;
            long deadline = AioClock.Monotonic.NowNs + 100_000;
            timer.Modify(deadline);
            while (!fired)
            {
                context.Poll(true);
            }

            late.Add(AioClock.Monotonic.NowNs - deadline);
        }

        late.Sort();
        yield return new Row("100 us timer, lateness, median", late[late.Count / 2]) { Qemu = 41_000 };
        yield return new Row("100 us timer, lateness, 99th percentile", late[(int)(late.Count * 0.99)]) { Qemu = 88_000 };
    }
}
