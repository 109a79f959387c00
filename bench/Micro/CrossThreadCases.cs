using System.Globalization;
using VhostNet.Aio.Monitors;

namespace VhostNet.Micro;

/// <summary>
/// Round trips between two threads, and the two floors that they are compared with: a store that the other processor sees, and an eventfd that wakes it. What a wake-up takes
/// changes by the second on a shared machine, so all are played in turn, several times, and the medians count.
/// </summary>
internal sealed class CrossThreadCases
{
    private const long DefaultPollNs = 32_768;
    private const int Rounds = 15;

    private readonly List<(string Name, double Qemu, Func<double, PingPong.Result> Play, bool CountsWrites)> _cases = [];
    private int _eventfdFloor;

    public static IEnumerable<Row> Run(double milliseconds, IEnumerable<FdMonitorKind> monitors)
    {
        FdMonitorKind[] kinds = [.. monitors];
        int first = Cpu.Allowed[0];
        if (Cpu.Allowed.Count > 1)
        {
            foreach (Row row in TwoProcessors(kinds, first, Cpu.Allowed[1]).PlayAll(milliseconds))
            {
                yield return row;
            }
        }

        foreach (Row row in OneProcessor(kinds, first).PlayAll(milliseconds))
        {
            yield return row;
        }
    }

    private static CrossThreadCases TwoProcessors(FdMonitorKind[] kinds, int first, int second)
    {
        const string where = "two processors";
        var cases = new CrossThreadCases();
        cases.AddRaw($"raw memory round trip, {where}", double.NaN, ms => PingPong.RawMemory(ms, first, second));
        cases.AddRaw($"raw eventfd round trip, {where}", 65_000, ms => PingPong.RawEventfd(ms, first, second));
        foreach (FdMonitorKind kind in kinds)
        {
            bool uring = kind == FdMonitorKind.IoUring;
            cases.Add(where, WakeBy.BottomHalf, kind, 0, first, second, uring ? 59_800 : 60_900);
            cases.Add(where, WakeBy.BottomHalf, kind, DefaultPollNs, first, second, uring ? 25_400 : 2_130);
            cases.Add(where, WakeBy.Eventfd, kind, 0, first, second, uring ? 64_200 : 63_600);
            cases.Add(where, WakeBy.PolledEventfd, kind, DefaultPollNs, first, second, uring ? 65_700 : 2_420);
        }

        return cases;
    }

    private static CrossThreadCases OneProcessor(FdMonitorKind[] kinds, int cpu)
    {
        const string where = "one processor";
        var cases = new CrossThreadCases();
        cases.AddRaw($"raw eventfd round trip, {where}", 5_400, ms => PingPong.RawEventfd(ms, cpu, cpu));
        foreach (FdMonitorKind kind in kinds)
        {
            bool uring = kind == FdMonitorKind.IoUring;
            cases.Add(where, WakeBy.BottomHalf, kind, 0, cpu, cpu, uring ? 7_900 : 5_970);
            cases.Add(where, WakeBy.BottomHalf, kind, DefaultPollNs, cpu, cpu, uring ? 11_600 : 20_400);
            cases.Add(where, WakeBy.Eventfd, kind, 0, cpu, cpu, uring ? 8_900 : 7_800);
        }

        return cases;
    }

    private void AddRaw(string name, double qemu, Func<double, double> play)
    {
        // The eventfd's is the last raw one.
        _eventfdFloor = _cases.Count;
        _cases.Add((name, qemu, ms => new PingPong.Result(play(ms), 1, 0), false));
    }

    private void Add(string where, WakeBy wakeBy, FdMonitorKind kind, long pollNs, int cpuA, int cpuB, double qemu) => _cases.Add((
        $"{wakeBy} round trip, {where}, {kind}, poll {pollNs}",
        qemu,
        ms => new PingPong(wakeBy, kind, pollNs, cpuA, cpuB).Run(ms),
        wakeBy == WakeBy.BottomHalf));

    private List<Row> PlayAll(double milliseconds)
    {
        var results = _cases.ConvertAll(static _ => new List<PingPong.Result>());
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < _cases.Count; i++)
            {
                results[i].Add(_cases[i].Play(milliseconds / Rounds));
            }
        }

        List<PingPong.Result> floors = results[_eventfdFloor];
        return [.. _cases.Select((c, i) => Summary(c.Name, c.Qemu, results[i], floors, c.CountsWrites))];
    }

    private static Row Summary(string name, double qemu, List<PingPong.Result> results, List<PingPong.Result> floors, bool countsWrites)
    {
        // What was played in the same round is compared: the machine is another one a second later.
        double ratio = Meter.Median([.. results.Zip(floors, static (r, floor) => r.RoundTripNs / floor.RoundTripNs)]);
        List<double> times = [.. results.Select(static r => r.RoundTripNs).Order()];
        double avoided = Meter.Median([.. results.Select(static r => r.AvoidedPercent)]);
        return new Row(name, times[times.Count / 2])
        {
            Qemu = qemu,
            Note = string.Create(CultureInfo.InvariantCulture, $"{times[0]:F0} to {times[^1]:F0}, {ratio:F2} of the raw eventfd's") + (countsWrites ? string.Create(CultureInfo.InvariantCulture, $"; {avoided:F1} % of the writes avoided") : ""),
        };
    }
}
