using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;

namespace VhostNet.Micro;

/// <summary>One active descriptor among N, and what adding and removing one costs.</summary>
internal static class HandlerCases
{
    private static readonly int[] s_counts = [1, 10, 64, 100, 300, 1000];
    private static readonly double[] s_qemuPoll = [1_540, 3_020, 11_500, 17_000, 41_800, 155_600];
    private static readonly double[] s_qemuEpoll = [double.NaN, double.NaN, 1_190, 1_710, 1_200, 1_930];
    private static readonly double[] s_qemuIoUring = [1_640, 2_100, 1_640, 2_280, 1_640, 2_520];

    /// <summary>The numbers of handlers that QEMU was measured with.</summary>
    public static IEnumerable<int> Counts => s_counts;

    /// <summary>Schedule and poll, and an empty poll, with one handler that can't be polled in user space.</summary>
    public static IEnumerable<Row> PlainHandler(Meter meter, FdMonitorKind kind)
    {
        using var context = new AioContext(new AioContextOptions { FdMonitor = kind });
        using var notifier = new EventNotifier();
        long calls = 0;
        BottomHalf bottomHalf = context.CreateBottomHalf(() => calls++, "bench");
        context.SetEventNotifier(notifier, () => notifier.TestAndClear());
        Meter.Result schedule = meter.Measure(n =>
        {
            for (int i = 0; i < n; i++)
            {
                bottomHalf.Schedule();
                context.Poll(false);
            }
        });
        Meter.Result empty = meter.Measure(n =>
        {
            for (int i = 0; i < n; i++)
            {
                context.Poll(false);
            }
        });
        context.SetEventNotifier(notifier, null);
        yield return new Row($"schedule + Poll(false), one plain handler, {kind}", schedule.Ns)
        {
            Bytes = schedule.Bytes,
            Qemu = kind switch { FdMonitorKind.Poll => 499, FdMonitorKind.IoUring => 65, _ => double.NaN },
        };
        yield return new Row($"empty Poll(false), one plain handler, {kind}", empty.Ns)
        {
            Bytes = empty.Bytes,
            Qemu = kind == FdMonitorKind.Poll ? 480 : double.NaN,
        };
    }

    public static IEnumerable<Row> Scaling(Meter meter, FdMonitorKind kind, int count)
    {
        using var context = new AioContext(new AioContextOptions { FdMonitor = kind });
        var notifiers = new EventNotifier[count];
        for (int i = 0; i < count; i++)
        {
            notifiers[i] = new EventNotifier();
        }

        var add = new List<double>();
        var remove = new List<double>();
        Meter.Result active = default;
        for (int round = 0; round < meter.Batches; round++)
        {
            long start = Stopwatch.GetTimestamp();
            foreach (EventNotifier notifier in notifiers)
            {
                context.SetEventNotifier(notifier, () => notifier.TestAndClear());
            }

            context.Poll(false);
            add.Add(Meter.Nanoseconds(Stopwatch.GetTimestamp() - start) / count);
            if (round == 0)
            {
                active = meter.Measure(n => RunActive(context, notifiers, n));
            }

            start = Stopwatch.GetTimestamp();
            foreach (EventNotifier notifier in notifiers)
            {
                context.SetEventNotifier(notifier, null);
            }

            context.Poll(false);
            remove.Add(Meter.Nanoseconds(Stopwatch.GetTimestamp() - start) / count);
        }

        foreach (EventNotifier notifier in notifiers)
        {
            notifier.Dispose();
        }

        double[] qemu = kind switch { FdMonitorKind.Poll => s_qemuPoll, FdMonitorKind.Epoll => s_qemuEpoll, _ => s_qemuIoUring };
        yield return new Row($"1 active of {count}, {kind}: set + Poll(true) + handler", active.Ns)
        {
            Qemu = qemu[Array.IndexOf(s_counts, count)],
            Bytes = active.Bytes,
            Note = $"add {Meter.Median(add):F0}, remove {Meter.Median(remove):F0} each, first pass included",
        };
    }

    private static void RunActive(AioContext context, EventNotifier[] notifiers, int n)
    {
        EventNotifier active = notifiers[notifiers.Length / 2];
        for (int i = 0; i < n; i++)
        {
            active.Set();
            context.Poll(true);
        }
    }
}
