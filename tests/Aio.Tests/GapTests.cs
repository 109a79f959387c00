using System.Diagnostics;
using VhostNet.Aio.BottomHalves;

namespace VhostNet.Aio.Tests;

/// <summary>A thread that polls notices when it was held up.</summary>
public sealed class GapTests
{
    private static readonly TimeSpan s_heldUp = TimeSpan.FromMilliseconds(5);

    [Fact]
    public void ABusyThreadCountsTheTimeThatACallbackTook()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "busy", Policy = PollPolicy.Busy });
        thread.Start();
        long before = thread.GetStatistics().Gaps;
        thread.Run(Spin);
        WaitFor(thread, s => s.Gaps > before);
        Assert.True(thread.GetStatistics().GapMaxNs >= s_heldUp.TotalNanoseconds);
    }

    /// <summary>Work that is cut into rounds is no gap, however much it is: the clock is read more often then.</summary>
    [Fact]
    public void WorkInSmallPiecesIsNoGap()
    {
        const int pieces = 2000;
        int done = 0;
        int late = 0;
        using ManualResetEventSlim end = new();
        using IoThread thread = new(new IoThreadOptions { Name = "busy", Policy = PollPolicy.Busy });
        BottomHalf? work = null;
        work = thread.Context.CreateBottomHalf(
            () =>
            {
                // 100 microseconds a round: 32 of them between two looks at the clock would look like a gap each time.
                long start = Stopwatch.GetTimestamp();
                TimeSpan took = Spin(TimeSpan.FromMicroseconds(100));
                late += took > TimeSpan.FromMicroseconds(200) || Stopwatch.GetElapsedTime(start) > TimeSpan.FromMicroseconds(200) ? 1 : 0;
                if (++done == pieces)
                {
                    end.Set();
                }
                else
                {
                    work!.Schedule();
                }
            },
            "work");
        thread.Start();
        long before = thread.GetStatistics().Gaps;
        work.Schedule();
        Assert.True(end.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));

        // Without the adaptation there would be one for every 32 rounds; what is left is the machine's doing, seen here too.
        Assert.InRange(thread.GetStatistics().Gaps - before, 0, (pieces / 64) + late);
    }

    [Fact]
    public void AnAdaptiveThreadCountsTheTimeBetweenTwoPollings()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "adaptive", Policy = PollPolicy.Adaptive });
        thread.Start();
        thread.Run(static () => { });
        long before = thread.GetStatistics().Gaps;

        // The loop polls again right after the pass that ran this.
        thread.Run(Spin);
        WaitFor(thread, s => s.Gaps > before);
        Assert.True(thread.GetStatistics().GapMaxNs >= s_heldUp.TotalNanoseconds);
    }

    private static void Spin() => Spin(s_heldUp);

    private static TimeSpan Spin(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan elapsed;
        do
        {
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (elapsed < time);

        return elapsed;
    }

    private static void WaitFor(IoThread thread, Func<AioStatistics, bool> condition)
    {
        // The thread notices when it comes round, which each of these calls makes it do.
        for (int i = 0; i < 1000 && !condition(thread.GetStatistics()); i++)
        {
            thread.Run(static () => { });
        }

        Assert.True(condition(thread.GetStatistics()));
    }
}
