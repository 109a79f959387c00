using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;

namespace VhostNet.Micro;

/// <summary>A thousand bottom halves, scheduled and then run in one pass.</summary>
internal static class ManyBottomHalves
{
    private const int Count = 1000;

    public static IEnumerable<Row> Run(Meter meter)
    {
        using var context = new AioContext();
        long calls = 0;
        var all = new BottomHalf[Count];
        for (int i = 0; i < Count; i++)
        {
            all[i] = context.CreateBottomHalf(() => calls++, "many");
        }

        long scheduleTicks = 0;
        long dispatchTicks = 0;
        Meter.Result total = meter.Measure(n =>
        {
            scheduleTicks = 0;
            dispatchTicks = 0;
            for (int i = 0; i < n; i += Count)
            {
                long start = Stopwatch.GetTimestamp();
                foreach (BottomHalf bottomHalf in all)
                {
                    bottomHalf.Schedule();
                }

                long middle = Stopwatch.GetTimestamp();
                context.Poll(false);
                scheduleTicks += middle - start;
                dispatchTicks += Stopwatch.GetTimestamp() - middle;
            }
        });

        // The parts are of the last batch; the total is the median of all.
        double share = (double)scheduleTicks / (scheduleTicks + dispatchTicks);
        yield return new Row("1000 bottom halves, schedule, each", total.Ns * share) { Qemu = 19 };
        yield return new Row("1000 bottom halves, dispatch, each", total.Ns * (1 - share)) { Qemu = 7.5 };
        yield return new Row("1000 bottom halves, both, each", total.Ns) { Qemu = 26.5, Bytes = total.Bytes };
    }
}
