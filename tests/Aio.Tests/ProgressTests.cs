using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>What a thread can say about a loop without asking it.</summary>
public sealed class ProgressTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    public static TheoryData<FdMonitorKind, AioActivity> Callbacks()
    {
        TheoryData<FdMonitorKind, AioActivity> data = [];
        foreach (FdMonitorKind kind in Enum.GetValues<FdMonitorKind>())
        {
            data.Add(kind, AioActivity.BottomHalves);
            data.Add(kind, AioActivity.Handlers);
            data.Add(kind, AioActivity.Timers);
        }

        return data;
    }

    /// <summary>A loop that hangs in a callback is told from one that sleeps, with where it hangs and whose callback it is.</summary>
    [Theory]
    [MemberData(nameof(Callbacks))]
    public void AHangingCallbackIsSeen(FdMonitorKind kind, AioActivity where)
    {
        FaultOwner owner = new("port");
        using ManualResetEventSlim inside = new();
        using ManualResetEventSlim release = new();
        using EventNotifier notifier = kind == FdMonitorKind.WaitHandles ? EventNotifier.CreatePortable() : new EventNotifier();
        using IoThread thread = new(new IoThreadOptions { Name = "hangs", Policy = PollPolicy.Interrupt, Context = new AioContextOptions { FdMonitor = kind } });
        thread.Start();
        AioLoopWatch watch = new(thread.Context);
        Assert.True(SpinWait.SpinUntil(() => thread.Context.Progress.Activity == AioActivity.Asleep, s_limit));
        Assert.Equal(0, watch.Look(1000));
        Assert.Equal(0, watch.Look(1_000_000_000_000));
        Assert.Equal(AioActivity.Asleep, watch.Last.Activity);

        void Hang()
        {
            if (where == AioActivity.Handlers)
            {
                notifier.TestAndClear();
            }

            inside.Set();
            release.Wait();
        }

        using (FaultScope.Enter(owner))
        {
            switch (where)
            {
                case AioActivity.BottomHalves: thread.Context.ScheduleOneShot(Hang); break;
                case AioActivity.Timers: thread.Context.CreateTimer(AioClock.Monotonic, Hang).Modify(1); break;
                default:
                    thread.Context.SetEventNotifier(notifier, Hang);
                    notifier.Set();
                    break;
            }
        }

        Assert.True(inside.Wait(s_limit, TestContext.Current.CancellationToken));
        Assert.Equal(0, watch.Look(2_000_000_000_000));
        Assert.Equal(5, watch.Look(2_000_000_000_005));
        Assert.Equal(700, watch.Look(2_000_000_000_700));
        Assert.Equal(where, watch.Last.Activity);
        Assert.Same(owner, watch.Last.Owner);
        release.Set();
        Assert.True(SpinWait.SpinUntil(() => thread.Context.Progress.Activity == AioActivity.Asleep, s_limit));
        Assert.Equal(0, watch.Look(3_000_000_000_000));
        Assert.Null(thread.Context.Progress.Owner);
        thread.Run(() => thread.Context.SetEventNotifier(notifier, null));
    }

    /// <summary>A callback that hangs while the loop leaves poll mode, when it has announced its sleep already, is no sleep.</summary>
    [Fact]
    public void ABusyLoopMovesAndAHangingReadyCallbackIsSeen()
    {
        using ManualResetEventSlim inside = new();
        using ManualResetEventSlim release = new();
        using EventNotifier notifier = new();
        bool hang = false;
        using IoThread thread = new(new IoThreadOptions { Name = "busy", Policy = PollPolicy.Busy });
        thread.Context.SetEventNotifier(notifier, () => notifier.TestAndClear(), () => Volatile.Read(ref hang), () =>
        {
            Volatile.Write(ref hang, false);
            inside.Set();
            release.Wait();
        });
        thread.Start();
        AioLoopWatch watch = new(thread.Context);
        long now = 0;
        Assert.Equal(0, watch.Look(now));
        Assert.True(SpinWait.SpinUntil(() => watch.Look(now += 1000) == 0, s_limit));
        Volatile.Write(ref hang, true);
        Assert.True(inside.Wait(s_limit, TestContext.Current.CancellationToken));
        _ = watch.Look(now);
        Assert.Equal(1000, watch.Look(now + 1000));
        Assert.Equal(AioActivity.Handlers, watch.Last.Activity);
        release.Set();
        Assert.True(SpinWait.SpinUntil(() => watch.Look(now += 1000) == 0, s_limit));
        thread.Run(() => thread.Context.SetEventNotifier(notifier, null));
    }

    /// <summary>A loop that nobody polls stands, and a pass of many callbacks moves.</summary>
    [Fact]
    public void OutsideStandsAndAPassMoves() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        AioLoopWatch watch = new(loop.Context);
        Assert.Equal(0, watch.Look(0));
        Assert.Equal(10, watch.Look(10));
        Assert.Equal(AioActivity.Outside, watch.Last.Activity);
        List<long> seen = [];
        for (int i = 0; i < 3; i++)
        {
            loop.Context.ScheduleOneShot(() => seen.Add(watch.Look(20 + seen.Count)));
        }

        loop.Poll(false);
        Assert.Equal([0, 0, 0], seen);
        Assert.Equal(AioActivity.Outside, loop.Context.Progress.Activity);
    });

    /// <summary>An exception that leaves the loop leaves no trace of where it was.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void TheActivityIsTheOuterOneAgain(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        List<AioActivity> seen = [];
        AioTimer timer = loop.Context.CreateTimer(AioClock.CreateVirtual(5), () => seen.Add(loop.Context.Progress.Activity));
        loop.Context.ScheduleOneShot(() =>
        {
            timer.Modify(1);
            loop.Context.Poll(true);
            seen.Add(loop.Context.Progress.Activity);
        });
        Assert.True(loop.Poll(true));
        Assert.Equal([AioActivity.Timers, AioActivity.BottomHalves], seen);
        loop.Context.ScheduleOneShot(static () => FaultTests.Throw("x"));
        Assert.Throws<FormatException>(() => loop.Poll(true));
        loop.Poll(false);
        Assert.Equal(AioActivity.Outside, loop.Context.Progress.Activity);
    });
}
