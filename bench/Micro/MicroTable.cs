using VhostNet.Aio;
using VhostNet.Aio.Monitors;

namespace VhostNet.Micro;

/// <summary>All rows, in the order of the reference notes.</summary>
internal static class MicroTable
{
    private const long DefaultPollNs = 32_768;

    public static int Run(Meter meter, double crossMs, List<string> groups)
    {
        Cpu.Pin(Cpu.Allowed[0]);
        Console.WriteLine("barriers, writes: multiples of the two floors, which are measured anew before each part; QEMU: nanoseconds of QEMU 7.2 in C on the");
        Console.WriteLine($"reference machine (barrier 6, write 300); B/op: bytes allocated. Processors {string.Join(' ', Cpu.Allowed)}.");
        (string Name, Func<IEnumerable<Row>> Rows)[] parts =
        [
            ("one thread", () => OneThread(meter)),
            ("timers", () => [.. TimerCases.Run(meter), .. TimerCases.Lateness((int)Math.Max(100, crossMs))]),
            ("handlers", () => Handlers(meter)),
            ("cross thread", () => CrossThreadCases.Run(crossMs, Monitors())),
            ("writes avoided", () => WritesAvoided(crossMs)),
        ];
        foreach ((string name, Func<IEnumerable<Row>> rows) in parts)
        {
            if (groups.Count != 0 && !groups.Contains(name))
            {
                continue;
            }

            var table = new Table(Floors.Measure(meter), Console.Out);
            table.PrintHead(name);
            foreach (Row row in rows())
            {
                table.Print(row);
            }
        }

        return 0;
    }

    private static IEnumerable<Row> OneThread(Meter meter)
    {
        using var cases = new SingleThreadCases();
        (string Name, double Qemu, Action<int> Batch)[] operations =
        [
            ("schedule + Poll(false), no system call", 58, cases.SchedulePoll),
            ("schedule + Poll(true), no system call", 58, cases.ScheduleBlockingPoll),
            ("empty Poll(false), no system call", 33, cases.EmptyPoll),
            ("schedule, already scheduled", 12, cases.ScheduleScheduled),
            ("Notify, nobody polls", 6, cases.Notify),
            ("one-shot: make, schedule, run", 70, cases.OneShot),
            ("schedule + cancel + Poll(false)", 64, cases.ScheduleCancelPoll),
            ("eventfd set + Poll(true) + read handler", 1390, cases.EventfdPoll),
            ("timer to the past + fire", 151, cases.ExpiredTimer),
        ];
        foreach ((string name, double qemu, Action<int> batch) in operations)
        {
            Meter.Result result = meter.Measure(batch);
            yield return new Row(name, result.Ns) { Qemu = qemu, Bytes = result.Bytes };
        }

        foreach (Row row in ManyBottomHalves.Run(meter))
        {
            yield return row;
        }

        foreach (FdMonitorKind kind in Monitors())
        {
            foreach (Row row in HandlerCases.PlainHandler(meter, kind))
            {
                yield return row;
            }
        }
    }

    private static IEnumerable<Row> Handlers(Meter meter)
    {
        foreach (FdMonitorKind kind in Monitors())
        {
            foreach (int count in HandlerCases.Counts)
            {
                foreach (Row row in HandlerCases.Scaling(meter, kind, count))
                {
                    yield return row;
                }
            }
        }
    }

    private static IEnumerable<Row> WritesAvoided(double ms)
    {
        yield return Flood.OwnThread(1_000_000);
        if (Cpu.Allowed.Count < 2)
        {
            yield break;
        }

        int loop = Cpu.Allowed[0];
        int sender = Cpu.Allowed[1];
        foreach (long poll in (long[])[0, DefaultPollNs])
        {
            yield return Flood.Run($"flood from another processor, poll {poll}", ms, 0, poll, loop, sender);
            yield return Flood.Run($"one schedule every 0.2 us, poll {poll}", ms, 200, poll, loop, sender);
            yield return Flood.Run($"one schedule every 1.5 us, poll {poll}", ms, 1500, poll, loop, sender);
        }
    }

    /// <summary>The monitors that this kernel has.</summary>
    private static IEnumerable<FdMonitorKind> Monitors()
    {
        foreach (FdMonitorKind kind in (FdMonitorKind[])[FdMonitorKind.Poll, FdMonitorKind.Epoll, FdMonitorKind.IoUring])
        {
            if (IsSupported(kind))
            {
                yield return kind;
            }
        }
    }

    private static bool IsSupported(FdMonitorKind kind)
    {
        try
        {
            new AioContext(new AioContextOptions { FdMonitor = kind }).Dispose();
            return true;
        }
        catch (ErrnoException)
        {
            return false;
        }
    }
}
