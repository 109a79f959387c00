using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

public sealed class TimerTests
{
    [Fact]
    public void TheyFireInOrderAndEqualOnesInTheOrderOfArming() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        Random random = new(1);
        List<int> fired = [];
        (AioTimer Timer, long Deadline)[] timers = [.. Enumerable.Range(0, 500).Select(i => (loop.Context.CreateTimer(clock, () => fired.Add(i)), random.NextInt64(1, 50)))];
        foreach ((AioTimer timer, long deadline) in timers)
        {
            timer.Modify(deadline);
        }

        // Each third is deleted, each fifth is moved.
        for (int i = 0; i < timers.Length; i++)
        {
            if (i % 3 == 0)
            {
                timers[i].Timer.Delete();
                Assert.False(timers[i].Timer.IsPending);
            }
            else if (i % 5 == 0)
            {
                timers[i].Deadline = random.NextInt64(1, 50);
                timers[i].Timer.Modify(timers[i].Deadline);
            }
        }

        int[] expected =
        [
            .. Enumerable.Range(0, timers.Length).Where(i => i % 3 != 0)
                .OrderBy(i => timers[i].Deadline).ThenBy(i => i % 5 == 0 ? 1 : 0).ThenBy(i => i),
        ];
        for (long now = 1; now <= 50; now++)
        {
            clock.Advance(1);
            loop.Poll(false);
            Assert.Equal(expected.Count(i => timers[i].Deadline <= now), fired.Count);
        }

        Assert.Equal(expected, fired);
    });

    /// <summary>A wait in milliseconds is rounded up: one that ends before its deadline would be made again and again until then.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AWaitLastsUntilItsDeadline(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        int fired = 0;
        int polls = 0;
        AioTimer timer = loop.Context.CreateTimer(AioClock.Monotonic, () => fired++);
        for (int i = 0; i < 10; i++)
        {
            timer.Modify(AioClock.Monotonic.NowNs + 1_900_000);
            for (; fired == i; polls++)
            {
                loop.Poll(true);
            }
        }

        // One each, and some when signals of the runtime interrupt a wait. A slow machine makes fewer, never more.
        Assert.InRange(polls, 10, 100);
    });

    [Fact]
    public void ModifyAnticipateOnlyMovesForward() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        int calls = 0;
        AioTimer timer = loop.Context.CreateTimer(clock, () => calls++);
        timer.ModifyAnticipate(100);
        timer.ModifyAnticipate(200);
        clock.Advance(100);
        Assert.True(loop.Poll(false));
        Assert.Equal(1, calls);
        timer.Modify(300);
        timer.ModifyAnticipate(200);
        clock.Advance(100);
        Assert.True(loop.Poll(false));
        Assert.Equal(2, calls);
        clock.Advance(1000);
        Assert.False(loop.Poll(false));
    });

    /// <summary>A pass ends, whatever its callbacks arm: what is armed in it waits for the next one, in which other callbacks had their turn.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void WhatIsArmedInAPassWaitsForTheNextOne(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual(1000);
        List<string> fired = [];
        AioTimer timer = null!;
        AioTimer other = loop.Context.CreateTimer(clock, () => fired.Add("other"));
        timer = loop.Context.CreateTimer(clock, () =>
        {
            fired.Add("timer");
            if (fired.Count > 50)
            {
                throw new InvalidOperationException("The pass has no end.");
            }

            timer.Modify(0);

            // Neither does one that is made for each call keep the pass going.
            loop.Context.CreateTimer(clock, () => fired.Add("new")).Modify(5);
            loop.Context.ScheduleOneShot(() => fired.Add("bh"));
        });
        timer.Modify(-5);
        other.Modify(900);
        Assert.True(timer.IsPending);
        Assert.True(loop.Poll(true));
        Assert.Equal(["timer", "other"], fired);
        Assert.True(loop.Poll(true));
        Assert.Equal(["timer", "other", "bh", "timer", "new"], fired);
        timer.Delete();
        loop.Drain();
        Assert.Equal(["timer", "other", "bh", "timer", "new", "bh", "new"], fired);
    });

    /// <summary>Many that catch up: each fires once in a pass, in order, however they are armed again in between.</summary>
    [Fact]
    public void APassFiresEachOnce() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        const int count = 500;
        AioClock clock = AioClock.CreateVirtual(1_000_000);
        Random random = new(3);
        List<int> fired = [];
        AioTimer[] timers = new AioTimer[count];
        long[] deadlines = [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(1, 100))];
        for (int i = 0; i < count; i++)
        {
            int me = i;
            timers[i] = loop.Context.CreateTimer(clock, () =>
            {
                fired.Add(me);
                deadlines[me] = random.NextInt64(0, 200);
                timers[me].Modify(deadlines[me]);
            });
            timers[i].Modify(deadlines[i]);
        }

        int[] order = [.. Enumerable.Range(0, count).OrderBy(i => deadlines[i])];
        for (int pass = 0; pass < 20; pass++)
        {
            fired.Clear();
            Assert.True(loop.Poll(true));
            Assert.Equal(order, fired);

            // Of the same deadline, whoever was armed first: that is the order of the pass before.
            order = [.. order.OrderBy(i => deadlines[i])];
        }
    });

    /// <summary>A nested poll is a pass of its own: it fires what the outer one armed, and the outer one keeps to its own.</summary>
    [Fact]
    public void ANestedPassFiresWhatTheOuterOneArmed() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual(1000);
        List<string> fired = [];
        AioTimer inner = loop.Context.CreateTimer(clock, () => fired.Add("inner"));
        AioTimer outer = loop.Context.CreateTimer(clock, () =>
        {
            fired.Add("outer");
            inner.Modify(0);
            Assert.True(loop.Poll(true));
            inner.Modify(0);
        });
        AioTimer[] rest = [.. Enumerable.Range(0, 3).Select(i => loop.Context.CreateTimer(clock, () => fired.Add($"{i}")))];
        outer.Modify(1);
        for (int i = 0; i < rest.Length; i++)
        {
            rest[i].Modify(2 + i);
        }

        Assert.True(loop.Poll(true));
        Assert.Equal(["outer", "0", "1", "2", "inner"], fired);
        Assert.True(loop.Poll(true));
        Assert.Equal("inner", fired[5]);
        Assert.False(loop.Poll(false));
    });

    /// <summary>Many are due at once: what a callback does to the others of the pass counts at once.</summary>
    [Fact]
    public void ACallbackMayChangeTimersThatAreDueInTheSamePass() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual(1000);
        List<string> fired = [];
        AioTimer[] timers = new AioTimer[40];
        AioTimer late = loop.Context.CreateTimer(clock, () => fired.Add("late"));
        for (int i = 0; i < timers.Length; i++)
        {
            int me = i;
            timers[i] = loop.Context.CreateTimer(clock, () =>
            {
                fired.Add($"{me}");
                switch (me)
                {
                    case 0:
                        timers[3].Delete();
                        Assert.False(timers[3].IsPending);
                        Assert.True(timers[4].IsPending);
                        timers[5].Modify(5000);
                        timers[6].Modify(900);
                        timers[7].ModifyAnticipate(800);
                        timers[30].Delete();
                        late.Modify(0);
                        break;
                    case 10:
                        timers[10].Modify(950);
                        timers[10].Delete();
                        timers[9].Modify(999);
                        break;
                }
            });
            timers[i].Modify(i);
        }

        Assert.True(loop.Poll(false));
        List<string> expected = ["0", .. Enumerable.Range(1, 39).Where(static i => i is not (3 or 5 or 6 or 30)).Select(static i => $"{i}")];
        Assert.Equal(expected, fired);
        Assert.True(loop.Poll(true));
        expected.AddRange(["late", "6", "9"]);
        Assert.Equal(expected, fired);
        Assert.True(timers[5].IsPending);
        Assert.Single(timers, static t => t.IsPending);
        Assert.False(loop.Poll(false));
        clock.Advance(4000);
        Assert.True(loop.Poll(true));
        Assert.Equal("5", fired[^1]);
    });

    /// <summary>A nested poll goes on with the timers that the outer pass has not fired yet, and so does the next pass after a callback that threw or a clock that was stopped.</summary>
    [Fact]
    public void TimersThatAreDueTogetherAreNotForgotten() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        List<int> fired = [];
        AioTimer[] timers = [.. Enumerable.Range(0, 50).Select(i => loop.Context.CreateTimer(clock, () =>
        {
            fired.Add(i);
            if (i == 1)
            {
                while (fired.Count < 20)
                {
                    Assert.True(loop.Poll(true));
                }
            }
            else if (i == 30)
            {
                throw new FormatException("30");
            }
        }))];
        Array.ForEach(timers, static t => t.Modify(1));
        clock.Advance(1);
        Assert.Throws<FormatException>(() => loop.Poll(true));
        Assert.Equal(Enumerable.Range(0, 31), fired);
        Assert.All(timers.Skip(31), static t => Assert.True(t.IsPending));
        clock.IsEnabled = false;
        Assert.False(loop.Poll(false));
        clock.IsEnabled = true;
        timers[49].Delete();
        Assert.True(loop.Poll(true));
        Assert.Equal(Enumerable.Range(0, 49), fired);
        Assert.False(loop.Poll(false));
        Assert.Equal(49, loop.Context.GetStatistics().Timers);
    });

    [Fact]
    public void AStoppedClockFiresNothing() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        int calls = 0;
        AioTimer timer = loop.Context.CreateTimer(clock, () => calls++);
        timer.Modify(10);
        clock.IsEnabled = false;
        clock.Advance(20);
        Assert.False(loop.Poll(false));
        Assert.Equal(0, calls);
        clock.IsEnabled = true;
        Assert.True(loop.Poll(true));
        Assert.Equal(1, calls);
    });

    /// <summary>The list never ran: nobody is waited for.</summary>
    [Fact]
    public void StoppingAClockThatNeverRanReturns() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        loop.Context.CreateTimer(clock, () => { }).Modify(5);
        clock.IsEnabled = false;
        Assert.False(clock.IsEnabled);
    });

    [Fact]
    public void StoppingAClockWaitsForItsCallbacks()
    {
        AioClock clock = AioClock.CreateVirtual();
        using IoThread thread = new(new IoThreadOptions { Name = "timers" });
        using ManualResetEventSlim inside = new();
        using ManualResetEventSlim release = new();
        bool finished = false;
        AioTimer timer = thread.Context.CreateTimer(clock, () =>
        {
            inside.Set();
            release.Wait();
            Volatile.Write(ref finished, true);
        });
        timer.Modify(1);
        thread.Start();
        clock.Advance(1);
        Assert.True(inside.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.False(clock.SetEnabled(false, 0));
        release.Set();
        clock.IsEnabled = false;
        Assert.True(Volatile.Read(ref finished));
    }

    [Fact]
    public void ACallbackThatStopsItsOwnClockIsTold() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        loop.Context.CreateTimer(clock, () => clock.IsEnabled = false).Modify(1);
        clock.Advance(1);
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => loop.Poll(false));
        Assert.Contains("wait for itself", e.Message, StringComparison.Ordinal);
    });

    /// <summary>A blocked loop must notice an earlier deadline that another thread sets.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void AnotherThreadCanArm(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        bool fired = false;
        AioTimer timer = loop.Context.CreateTimer(AioClock.Monotonic, () => fired = true);
        timer.Modify(AioClock.Monotonic.NowNs + 3_600_000_000_000);
        Thread other = new(() =>
        {
            SpinWait.SpinUntil(() => loop.Context.NotifyMe != 0);
            timer.Modify(AioClock.Monotonic.NowNs + 1_000_000);
        });
        other.Start();
        while (!fired)
        {
            loop.Poll(true);
        }

        other.Join();
    });

    /// <summary>Each context runs its own timers of a clock.</summary>
    [Fact]
    public void AClockServesSeveralContexts()
    {
        AioClock clock = AioClock.CreateVirtual();
        using CountdownEvent fired = new(3);
        IoThread[] threads = [.. Enumerable.Range(0, 3).Select(i => new IoThread(new IoThreadOptions { Name = $"c{i}" }))];
        foreach (IoThread thread in threads)
        {
            thread.Context.CreateTimer(clock, () =>
            {
                Assert.True(thread.Context.IsHomeThread);
                fired.Signal();
            }).Modify(10);
            thread.Start();
        }

        clock.Advance(10);
        Assert.True(fired.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Array.ForEach(threads, static t => t.Dispose());
    }

    [Fact]
    public void ARealClockCannotBeAdvanced() => Assert.Throws<InvalidOperationException>(() => AioClock.Monotonic.Advance(1));
}
