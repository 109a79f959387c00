namespace VhostNet.Aio.Tests;

/// <summary>Order, nesting and idling of bottom halves.</summary>
public sealed class BottomHalfTests
{
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void APassRunsThemInTheOrderOfScheduling(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        List<int> order = [];
        BottomHalf[] bhs = [.. Enumerable.Range(0, 5).Select(i => loop.Context.CreateBottomHalf(() => order.Add(i), $"{i}"))];
        foreach (int i in (int[])[3, 0, 4, 1, 2])
        {
            bhs[i].Schedule();
        }

        // Scheduled again while pending: the place stays.
        bhs[3].Schedule();
        Assert.True(loop.Poll(false));
        Assert.Equal([3, 0, 4, 1, 2], order);
    });

    /// <summary>What the home thread and others schedule in turn runs in that order.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void OrderHoldsAcrossThreads(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        List<int> order = [];
        loop.Poll(false);
        for (int i = 0; i < 10; i++)
        {
            BottomHalf bh = loop.Context.CreateBottomHalf(Recorder(order, i), $"{i}");
            if (i % 3 == 1)
            {
                TestLoop.OnThread(bh.Schedule);
            }
            else
            {
                bh.Schedule();
            }
        }

        Assert.True(loop.Poll(true));
        Assert.Equal(Enumerable.Range(0, 10), order);
    });

    /// <summary>A nested poll finishes the outer pass first, then runs its own; nothing runs twice.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void ANestedPollFinishesTheOuterPassFirst(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        List<string> order = [];
        BottomHalf late = loop.Context.CreateBottomHalf(() => order.Add("late"), "late");
        loop.Context.ScheduleOneShot(() => order.Add("first"));
        loop.Context.ScheduleOneShot(() =>
        {
            order.Add("nest{");
            late.Schedule();
            Assert.True(loop.Poll(false));
            order.Add("}nest");
        });
        loop.Context.ScheduleOneShot(() => order.Add("second"));
        loop.Context.ScheduleOneShot(() => order.Add("third"));
        Assert.True(loop.Poll(false));
        Assert.Equal(["first", "nest{", "second", "third", "late", "}nest"], order);
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void PollsNestToAnyDepth(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        const int deepest = 50;
        int depth = 0;
        int reached = 0;
        BottomHalf bh = null!;
        bh = loop.Context.CreateBottomHalf(
            () =>
            {
                reached = Math.Max(reached, ++depth);
                if (depth < deepest)
                {
                    bh.Schedule();
                    Assert.True(loop.Poll(true));
                }

                depth--;
            },
            "nest");
        bh.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(deepest, reached);
        Assert.Equal(0, loop.Context.NotifyMe);
    });

    /// <summary>An idle one runs within 10 ms, is no progress, and does not make the loop spin; Schedule makes it urgent (in QEMU it stays idle).</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnIdleOneNeedNotHurry(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        int calls = 0;
        BottomHalf bh = loop.Context.CreateBottomHalf(() => calls++, "idle");
        loop.Drain();
        bh.ScheduleIdle();
        long start = AioClock.Monotonic.NowNs;
        Assert.False(loop.Poll(true));
        Assert.Equal(1, calls);
        Assert.InRange(AioClock.Monotonic.NowNs - start, 9_000_000, long.MaxValue);

        bh.ScheduleIdle();
        Assert.False(loop.Poll(false));
        Assert.Equal(2, calls);

        bh.ScheduleIdle();
        bh.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(3, calls);

        bh.ScheduleIdle();
        bh.Cancel();
        Assert.False(loop.Poll(false));
        Assert.Equal(3, calls);
    });

    /// <summary>A callback of one context polls another one of the same thread, and that one the first again.</summary>
    [Fact]
    public void ContextsOfOneThreadNestInOneAnother() => TestLoop.OnThread(static () =>
    {
        using AioContext a = new(new AioContextOptions { Name = "a" });
        using AioContext b = new(new AioContextOptions { Name = "b" });
        List<string> order = [];
        a.ScheduleOneShot(() =>
        {
            Assert.Same(a, AioContext.Current);
            b.ScheduleOneShot(() =>
            {
                Assert.Same(b, AioContext.Current);
                order.Add("b");
                a.ScheduleOneShot(() =>
                {
                    Assert.Same(a, AioContext.Current);
                    order.Add("a inside b");
                });
                Assert.True(a.Poll(true));
                Assert.Same(b, AioContext.Current);
            });
            Assert.True(b.Poll(true));
            Assert.Same(a, AioContext.Current);
            order.Add("a");
        });
        Assert.True(a.Poll(true));
        Assert.Equal(["b", "a inside b", "a"], order);
        Assert.Same(a, AioContext.Current);
        Assert.False(b.Poll(false));
        Assert.Same(a, AioContext.Current);
    });

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void OneShotsRunOnceEach(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        int calls = 0;
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 100; i++)
            {
                loop.Context.ScheduleOneShot(() => calls++);
            }

            Assert.True(loop.Poll(true));
            Assert.Equal(100 * (round + 1), calls);
            Assert.False(loop.Poll(false));
        }
    });

    private static Action Recorder(List<int> order, int i) => () => order.Add(i);
}
