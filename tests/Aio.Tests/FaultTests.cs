using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>An exception of a callback goes to who answers for it, and the rest of the pass runs: for each kind of callback, with each monitor.</summary>
public sealed class FaultTests
{
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void BottomHalves(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        FaultOwner b = new("b");
        List<string> ran = [];
        BottomHalf first;
        BottomHalf idle;
        using (FaultScope.Enter(a))
        {
            first = loop.Context.CreateBottomHalf(() => Throw("1"), "first");
            idle = loop.Context.CreateBottomHalf(() => Throw("4"), "idle");
        }

        BottomHalf last = loop.Context.CreateBottomHalf(() => ran.Add("last"), "last");
        first.Schedule();
        using (FaultScope.Enter(b))
        {
            loop.Context.ScheduleOneShot(() => Throw("2"), "named");
            loop.Context.ScheduleOneShot(() => Throw("3"));
        }

        idle.ScheduleIdle();
        last.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(["last"], ran);
        Assert.Equal(["first: 1", "idle: 4"], a.Faults);
        Assert.Equal(["named: 2", "one-shot: 3"], b.Faults);
        Assert.Equal(4, loop.Context.GetStatistics().Faults);

        // It can be scheduled again, and faults again.
        first.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(3, a.Faults.Count);
        Assert.Null(FaultScope.Current);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void Continuations(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        SynchronizationContext context = loop.Context.SynchronizationContext;
        IFaultOwner? seen = null;
        async void Hop()
        {
            await loop.Context.SwitchTo();
            seen = FaultScope.Current;
            await loop.Context.SwitchTo();
            Throw("hop");
        }

        using (FaultScope.Enter(a))
        {
            context.Post(static _ => Throw("posted"), null);
            SynchronizationContext? before = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(context);
            Hop();
            SynchronizationContext.SetSynchronizationContext(before);
        }

        for (int i = 0; i < 5; i++)
        {
            loop.Poll(false);
        }

        Assert.Same(a, seen);

        // An async void method posts what it threw.
        Assert.Equal(["continuation: posted", "continuation: hop"], a.Faults);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void ReadCallbacksAndWhatElseIsReady(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner[] owners = [new("a"), new("b"), new("c")];
        EventNotifier[] notifiers = [.. owners.Select(_ => loop.CreateNotifier())];
        List<string> ran = [];
        for (int i = 0; i < owners.Length; i++)
        {
            int me = i;
            using (FaultScope.Enter(owners[i]))
            {
                loop.Context.SetEventNotifier(notifiers[i], () =>
                {
                    Assert.Same(owners[me], FaultScope.Current);
                    notifiers[me].TestAndClear();
                    ran.Add($"{me}");
                    Throw($"{me}");
                });
            }

            notifiers[i].Set();
        }

        AioClock clock = AioClock.CreateVirtual(10);
        AioTimer timer = loop.Context.CreateTimer(clock, () => ran.Add("timer"));
        timer.Modify(1);
        Assert.True(loop.Poll(true));
        Assert.Equal(["0", "1", "2", "timer"], ran.Order());
        Assert.All(owners, static o => Assert.Single(o.Faults));
        string what = loop.Kind == FdMonitorKind.WaitHandles ? "handler of an event notifier" : $"handler of descriptor {notifiers[1].Fd}";
        Assert.Equal([$"{what}: 1"], owners[1].Faults);
        Assert.False(loop.Poll(false));
        Array.ForEach(notifiers, n => loop.Context.SetEventNotifier(n, null));
        Array.ForEach(notifiers, static n => n.Dispose());
    });

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void WriteCallbacks(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        FaultOwner a = new("a");
        using EventNotifier notifier = new();
        a.OnFault = () => loop.Context.SetFdHandler(notifier.Fd, null);
        using (FaultScope.Enter(a))
        {
            loop.Context.SetFdHandler(notifier.Fd, null, () => Throw("w"));
        }

        Assert.True(loop.Poll(true));
        Assert.Equal([$"handler of descriptor {notifier.Fd}: w"], a.Faults);
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void Timers(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        AioClock clock = AioClock.CreateVirtual(1000);
        List<int> ran = [];
        AioTimer[] timers = new AioTimer[40];
        using (FaultScope.Enter(a))
        {
            for (int i = 0; i < timers.Length; i++)
            {
                int me = i;
                timers[i] = loop.Context.CreateTimer(clock, () =>
                {
                    ran.Add(me);
                    if (me % 10 == 3)
                    {
                        Throw($"{me}");
                    }
                });
                timers[i].Modify(i + 1);
            }
        }

        Assert.True(loop.Poll(true));
        Assert.Equal(Enumerable.Range(0, 40), ran);
        Assert.Equal(["timer: 3", "timer: 13", "timer: 23", "timer: 33"], a.Faults);
        Assert.Equal(40, loop.Context.GetStatistics().Timers);

        // The clock can still be stopped: nobody is taken to be running.
        clock.IsEnabled = false;
        Assert.Null(FaultScope.Current);
    });

    /// <summary>What polls belongs to a, what it polls to b. Each answers for its own, and the scope is the outer one again behind the nested poll.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void NestedPolls(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        FaultOwner b = new("b");
        using EventNotifier notifier = loop.CreateNotifier();
        AioTimer timer;
        bool came = false;
        using (FaultScope.Enter(b))
        {
            timer = loop.Context.CreateTimer(AioClock.CreateVirtual(5), () => Throw("timer"));
            loop.Context.SetEventNotifier(notifier, () =>
            {
                notifier.TestAndClear();
                Throw("read");
            });
        }

        using (FaultScope.Enter(a))
        {
            loop.Context.ScheduleOneShot(() =>
            {
                using (FaultScope.Enter(b))
                {
                    loop.Context.ScheduleOneShot(() => Throw("bh"));
                }

                timer.Modify(1);
                notifier.Set();
                while (b.Faults.Count < 3)
                {
                    loop.Context.Poll(true);
                }

                Assert.Same(a, FaultScope.Current);
                came = true;
                Throw("outer");
            });
        }

        Assert.True(loop.Poll(true));
        Assert.True(came);
        Assert.Equal(["one-shot: outer"], a.Faults);
        Assert.Equal(3, b.Faults.Count);
        Assert.Null(FaultScope.Current);
        loop.Context.SetEventNotifier(notifier, null);
    });

    /// <summary>What nobody answers for leaves the loop as before, also through an owner's callback that polls.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void WhatNobodyAnswersForLeavesTheLoop(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        using (FaultScope.Enter(a))
        {
            loop.Context.ScheduleOneShot(() =>
            {
                using (FaultScope.Enter(null))
                {
                    loop.Context.ScheduleOneShot(static () => Throw("nobody's"));
                }

                loop.Context.Poll(true);
            });
        }

        Assert.Equal("nobody's", Assert.Throws<FormatException>(() => loop.Poll(true)).Message);
        Assert.Empty(a.Faults);
        Assert.Null(FaultScope.Current);
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void WhatAnOwnerThrowsItselfLeavesTheLoop(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a") { OnFault = static () => throw new NotSupportedException("fault") };
        FaultOwner b = new("b");
        AioClock clock = AioClock.CreateVirtual(5);
        using EventNotifier notifier = loop.CreateNotifier();
        using (FaultScope.Enter(a))
        {
            loop.Context.ScheduleOneShot(static () => Throw("1"));
            loop.Context.CreateTimer(clock, static () => Throw("3")).Modify(1);
            loop.Context.SetEventNotifier(notifier, () =>
            {
                notifier.TestAndClear();
                Throw("2");
            });
        }

        notifier.Set();
        for (int i = 1; i <= 3; i++)
        {
            Assert.Throws<NotSupportedException>(() => loop.Poll(true));
            Assert.Equal(i, a.Faults.Count);
        }

        using (FaultScope.Enter(b))
        {
            loop.Context.ScheduleOneShot(() =>
            {
                using (FaultScope.Enter(a))
                {
                    loop.Context.ScheduleOneShot(static () => Throw("4"));
                }

                loop.Context.Poll(true);
            });
        }

        Assert.Throws<NotSupportedException>(() => loop.Poll(true));
        Assert.Empty(b.Faults);
        loop.Context.SetEventNotifier(notifier, null);
        Assert.False(loop.Poll(false));
    });

    /// <summary>What a callback registers is its owner's; a change that nobody makes leaves a handler whose it was.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void OwnershipFollowsFromWhatWasRegisteredFirst(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        FaultOwner a = new("a");
        using EventNotifier notifier = loop.CreateNotifier();
        AioClock clock = AioClock.CreateVirtual(5);
        using (FaultScope.Enter(a))
        {
            loop.Context.ScheduleOneShot(() =>
            {
                loop.Context.CreateTimer(clock, static () => Throw("timer")).Modify(1);
                loop.Context.CreateBottomHalf(static () => Throw("bh"), "bh").Schedule();
                loop.Context.SetEventNotifier(notifier, static () => Assert.Fail("It was changed."));
            });
        }

        loop.Poll(true);
        loop.Context.SetEventNotifier(notifier, () =>
        {
            notifier.TestAndClear();
            Throw("read");
        });
        notifier.Set();
        while (a.Faults.Count < 3)
        {
            Assert.True(loop.Poll(true));
        }

        loop.Context.SetEventNotifier(notifier, null);
    });

    /// <summary>A context that is disposed of by the owner whose callback threw ends without a word.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnOwnerMayDisposeOfTheContext(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        FaultOwner a = new("a") { OnFault = loop.Context.Dispose };
        using (FaultScope.Enter(a))
        {
            loop.Context.ScheduleOneShot(static () => Throw("1"));
            loop.Context.ScheduleOneShot(static () => Throw("2"));
            loop.Context.CreateTimer(AioClock.CreateVirtual(5), static () => Throw("3")).Modify(1);
        }

        Assert.True(loop.Poll(true));
        Assert.Single(a.Faults);
    });

    internal static void Throw(string message) => throw new FormatException(message);
}
