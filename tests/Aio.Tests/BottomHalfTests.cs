using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

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

    /// <summary>As many again from another thread as the home thread has scheduled, and more than its table holds at first: in order, each once.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AManifoldFromAnotherThreadFollowsWhatIsThere(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        const int each = 40;
        List<int> order = [];
        loop.Poll(false);
        BottomHalf[] all = [.. Enumerable.Range(0, 2 * each).Select(i => loop.Context.CreateBottomHalf(Recorder(order, i), $"{i}"))];
        Array.ForEach(all[..each], bh => bh.Schedule());
        TestLoop.OnThread(() => Array.ForEach(all[each..], bh => bh.Schedule()));
        Assert.True(loop.Poll(true));
        Assert.Equal(Enumerable.Range(0, 2 * each), order);
    });

    /// <summary>More than the home thread's table holds at first, from a place in its middle: in order, each once.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void ACrowdAtHomeRunsInOrder(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        List<int> order = [];
        loop.Poll(false);
        BottomHalf[] all = [.. Enumerable.Range(0, 1000).Select(i => loop.Context.CreateBottomHalf(Recorder(order, i), $"{i}"))];
        foreach (int count in new[] { 5, all.Length })
        {
            order.Clear();
            Array.ForEach(all[..count], static bh => bh.Schedule());
            Assert.True(loop.Poll(false));
            Assert.Equal(Enumerable.Range(0, count), order);
        }
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

    /// <summary>An idle one that schedules itself lets the loop sleep for 10 ms in between, while the loop polls adaptively too.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AnIdleOneDoesNotKeepAPollingLoopFromSleeping(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        const int rounds = 10;
        using EventNotifier notifier = new();
        int calls = 0;
        BottomHalf bh = null!;
        bh = loop.Context.CreateBottomHalf(
            () =>
            {
                calls++;
                bh.ScheduleIdle();
            },
            "idle");
        MakePollingHot(loop, notifier);
        AioStatistics before = loop.Context.GetStatistics();
        bh.ScheduleIdle();
        for (int i = 0; i < rounds; i++)
        {
            Assert.False(loop.Poll(true));
        }

        AioStatistics after = loop.Context.GetStatistics();
        Assert.Equal(rounds, calls);
        Assert.Equal(rounds, after.Sleeps - before.Sleeps);
        Assert.Equal(before.PollingSuccesses, after.PollingSuccesses);
        loop.Context.SetEventNotifier(notifier, null);
    });

    /// <summary>The same where more than one thread may poll, whose own schedules go over the stack as anybody's.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnIdleOneDoesNotKeepAPollerUnderALockFromSleeping(FdMonitorKind kind) => TestLoop.OnThread(() =>
    {
        const int rounds = 5;
        Lock pollLock = new();
        lock (pollLock)
        {
            using AioContext context = new(new AioContextOptions { FdMonitor = kind, PollLock = pollLock });
            int calls = 0;
            BottomHalf bh = null!;
            bh = context.CreateBottomHalf(
                () =>
                {
                    calls++;
                    bh.ScheduleIdle();
                },
                "idle");
            bh.ScheduleIdle();
            context.Poll(false);
            long before = context.GetStatistics().Sleeps;
            for (int i = 0; i < rounds; i++)
            {
                context.Poll(true);
            }

            Assert.Equal(rounds + 1, calls);
            Assert.Equal(rounds, context.GetStatistics().Sleeps - before);
        }
    });

    /// <summary>An outer loop's wait for an idle one ends in a dispatch of it.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnOuterLoopRunsIdleOnes(FdMonitorKind kind) => TestLoop.Run(kind, true, static loop =>
    {
        int calls = 0;
        BottomHalf bh = loop.Context.CreateBottomHalf(() => calls++, "idle");
        loop.Poll(false);
        bh.ScheduleIdle();
        loop.Poll(true);
        Assert.Equal(1, calls);
    });

    /// <summary>A thread that never sleeps comes round a million times a second, which is no reason to call idle ones as often.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AnIdleOneDoesNotHurryInABusyLoop(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        AioContext context = loop.Context;
        const long duration = 100_000_000;
        int calls = 0;
        BottomHalf bh = null!;
        bh = context.CreateBottomHalf(
            () =>
            {
                calls++;
                bh.ScheduleIdle();
            },
            "idle");
        bh.ScheduleIdle();
        long start = AioClock.Monotonic.NowNs;
        context.RunBusy(() => AioClock.Monotonic.NowNs - start > duration);
        long elapsed = AioClock.Monotonic.NowNs - start;

        // Two at the beginning, then one every 10 ms at most.
        Assert.InRange(calls, 2, 3 + (elapsed / 10_000_000));

        // An urgent one does not wait for it, nor does it wait behind an idle one.
        bool urgent = false;
        BottomHalf second = context.CreateBottomHalf(() => urgent = true, "urgent");
        int stops = 0;
        context.RunBusy(() =>
        {
            if (stops++ == 0)
            {
                second.Schedule();
            }

            return urgent;
        });
        Assert.True(urgent);
        Assert.InRange(stops, 1, 5);
    });

    /// <summary>Waits that end in time teach the loop to poll.</summary>
    private static void MakePollingHot(TestLoop loop, EventNotifier notifier)
    {
        int work = 0;
        int ready = 0;
        loop.Context.SetPollParameters(2_000_000, 0, 0);
        loop.Context.SetEventNotifier(notifier, () => notifier.TestAndClear(), () => Volatile.Read(ref work) != 0, () =>
        {
            Volatile.Write(ref work, 0);
            notifier.TestAndClear();
            ready++;
        });
        for (int i = 0; i < 10_000 && ready < 3; i++)
        {
            Thread other = new(() =>
            {
                Thread.Yield();
                Volatile.Write(ref work, 1);
                notifier.Set();
            });
            other.Start();
            loop.Poll(true);
            other.Join();
        }

        Assert.True(ready >= 3);
        Volatile.Write(ref work, 0);
        notifier.TestAndClear();
        loop.Drain();
    }

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
