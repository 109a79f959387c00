using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>
/// The interleavings H1 to H9, step by step on one thread: "io" is an outer loop that has dropped the lock between prepare and its wait, "vcpu" polls under the lock,
/// "worker" only schedules. Each passes with the code that everybody runs; with the fix taken out at a failpoint it hangs, and the test says so without hanging.
/// </summary>
public sealed class InterleavingTests
{
    /// <summary>The notify optimisation must ask whether anybody may sleep, not whether somebody dispatches.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H1_DispatchingIsNoReasonToSkipTheNotification(FdMonitorKind kind)
    {
        Assert.True(Wakes(new AioFailpoints { NoOuterKick = true }));
        Assert.False(Wakes(new AioFailpoints { NoOuterKick = true, SkipNotifyWhileDispatching = true }));

        bool Wakes(AioFailpoints test)
        {
            using Stage stage = new(kind, test);
            BottomHalf completion = null!;
            int calls = 0;
            completion = stage.Context.CreateBottomHalf(
                () =>
                {
                    if (++calls == 1)
                    {
                        completion.Schedule();
                    }
                },
                "completion");
            stage.IoPrepare();
            completion.Schedule();
            Assert.True(stage.Context.Poll(true));
            Assert.Equal(1, calls);

            // The worker finishes the next request; the bottom half is scheduled already.
            completion.Schedule();
            return stage.IoWakes();
        }
    }

    /// <summary>The event must be cleared before the work is read.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H2_TheEventIsClearedBeforeTheWorkIsRead(FdMonitorKind kind)
    {
        Assert.True(Wakes(new AioFailpoints { NoOuterKick = true }));
        Assert.False(Wakes(new AioFailpoints { NoOuterKick = true, ClearLate = true }));

        bool Wakes(AioFailpoints test)
        {
            using Stage stage = new(kind, test);
            bool done = false;
            BottomHalf second = stage.Context.CreateBottomHalf(() => done = true, "second");
            BottomHalf first = stage.Context.CreateBottomHalf(second.Schedule, "first");
            stage.IoPrepare();
            first.Schedule();
            Assert.True(stage.Context.Poll(true));
            Assert.False(done);
            return stage.IoWakes();
        }
    }

    /// <summary>
    /// The flag that says "written" must not be set before the write, or the event stays set for ever. With epoll the notifier is edge triggered: the wait itself takes the
    /// event, and the fault does no harm.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H3_TheFlagFollowsTheWrite(FdMonitorKind kind)
    {
        Assert.False(SpinsForEver(new AioFailpoints()));
        Assert.Equal(!IsEdgeTriggered(kind), SpinsForEver(new AioFailpoints { FlagBeforeWrite = true }));

        bool SpinsForEver(AioFailpoints test)
        {
            using Stage stage = new(kind, test);
            stage.IoPrepare();
            test.BeforeWrite = test.BetweenWriteAndFlag = () => stage.Context.Poll(false);
            stage.Context.Notify();
            test.BeforeWrite = test.BetweenWriteAndFlag = null;
            for (int i = 0; i < 4; i++)
            {
                stage.IoFinish();
                stage.IoPrepare();
            }

            return stage.IoWakes();
        }
    }

    /// <summary>The write must not be skipped because the flag says that it happened.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H4_TheWriteHasNoFastPath(FdMonitorKind kind)
    {
        Assert.True(Wakes(new AioFailpoints { NoOuterKick = true }));
        Assert.False(Wakes(new AioFailpoints { NoOuterKick = true, SkipWriteIfFlagged = true }));

        bool Wakes(AioFailpoints test) => WakesAfterSwallowedEvent(kind, test);
    }

    /// <summary>
    /// With two pollers, a set flag does not mean that somebody will look. Edge triggered it does here: an event that came after the wait that took the last one stays.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H4b_TwoPollersNeedEveryNotification(FdMonitorKind kind)
    {
        Assert.True(WakesAfterSwallowedEvent(kind, new AioFailpoints { NoOuterKick = true }));
        Assert.Equal(IsEdgeTriggered(kind), WakesAfterSwallowedEvent(kind, new AioFailpoints { NoOuterKick = true, SkipNotifyIfNotified = true }));
    }

    /// <summary>Between the computation of the time-out and arming, nobody writes the event: the flag must be looked at after arming.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void H7_TheFlagIsLookedAtAfterArming(FdMonitorKind kind)
    {
        Assert.False(SleepsWithWork(new AioFailpoints()));
        Assert.True(SleepsWithWork(new AioFailpoints { NoLookAfterArming = true }));

        bool SleepsWithWork(AioFailpoints test)
        {
            using AioContext context = new(new AioContextOptions { FdMonitor = kind }, test);
            BottomHalf work = context.CreateBottomHalf(() => { }, "work");
            bool slept = false;
            test.BeforeArming = work.Schedule;
            test.OnWait = timeout =>
            {
                slept |= timeout != 0;
                return 0;
            };
            Assert.True(context.Poll(true));
            return slept;
        }
    }

    /// <summary>Stopping a clock waits for those who run its timers; nobody has run a new list.</summary>
    [Fact]
    public void H8_TheDoneEventIsInitiallySet()
    {
        Assert.True(Stops(new AioFailpoints()));
        Assert.False(Stops(new AioFailpoints { TimersInitiallyBusy = true }));

        static bool Stops(AioFailpoints test)
        {
            AioClock clock = AioClock.CreateVirtual();
            using AioContext context = new(null, test);
            context.CreateTimer(clock, () => { });
            return clock.SetEnabled(false, 100);
        }
    }

    /// <summary>The order of the Windows loop: the counter goes down after the one wait that blocked.</summary>
    [Fact]
    public void H9_TheBlockingWaitIsAccountedFor()
    {
        Assert.Equal((0, 0L), After(new AioFailpoints()));
        Assert.Equal((2, 1L), After(new AioFailpoints { ForgetBlockingEarly = true }));

        static (int NotifyMe, long Writes) After(AioFailpoints test)
        {
            using AioContext context = new(new AioContextOptions { FdMonitor = FdMonitorKind.WaitHandles }, test);
            context.ScheduleOneShot(() => { });
            Assert.True(context.Poll(true));

            // Nobody sleeps: a notification should cost nothing.
            context.Notify();
            return (context.NotifyMe, context.GetStatistics().NotifierWrites);
        }
    }

    /// <summary>A new deadline concerns the sleeper, also if another poller took the event and had nothing to do.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AForeignPollPassesOnWhatConcernsTheSleeper(FdMonitorKind kind)
    {
        Assert.True(Wakes(new AioFailpoints()));
        Assert.False(Wakes(new AioFailpoints { NoOuterKick = true }));

        bool Wakes(AioFailpoints test)
        {
            using Stage stage = new(kind, test);
            AioClock clock = AioClock.CreateVirtual();
            AioTimer timer = stage.Context.CreateTimer(clock, () => { });
            stage.IoPrepare();
            timer.Modify(1000);
            Assert.False(stage.Context.Poll(false));
            return stage.IoWakes();
        }
    }

    /// <summary>A handler's first event may come before the call that sets it returns. io_uring reports it once only.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AnEventThatComesWhileItsHandlerIsBeingSetIsKept(FdMonitorKind kind)
    {
        AioFailpoints test = new();
        using AioContext context = new(new AioContextOptions { FdMonitor = kind }, test);
        using EventNotifier dummy = new();
        using EventNotifier notifier = new();
        int calls = 0;

        // A handler without a poll callback makes every poll ask the kernel.
        context.SetEventNotifier(dummy, () => dummy.TestAndClear());
        _ = context.Poll(false);
        notifier.Set();
        test.AfterMonitorUpdate = () =>
        {
            test.AfterMonitorUpdate = null;
            _ = context.Poll(false);
        };
        context.SetEventNotifier(notifier, () => calls += notifier.TestAndClear() ? 1 : 0);
        for (int i = 0; i < 3; i++)
        {
            _ = context.Poll(false);
        }

        Assert.Equal(1, calls);
        context.SetEventNotifier(notifier, null);
        context.SetEventNotifier(dummy, null);
    }

    /// <summary>
    /// A descriptor turns out to be closed; before its handler is taken out, another thread opens a file, which gets the same number, and sets a handler for it. That one stays.
    /// </summary>
    [Fact]
    public void ALostDescriptorTakesNobodyElsesHandlerWithIt()
    {
        // A high number: a low one could become another test's descriptor at once.
        const int number = 5100;
        AioFailpoints test = new();
        using AioContext context = new(new AioContextOptions { FdMonitor = FdMonitorKind.Poll }, test);
        int fd = OpenAs(number);
        context.SetFdHandler(fd, static () => Assert.Fail("It was closed."));
        close(fd);
        int calls = 0;
        test.BeforeLosing = () =>
        {
            test.BeforeLosing = null;
            Thread other = new(() =>
            {
                Assert.Equal(fd, OpenAs(fd));
                context.SetFdHandler(fd, () =>
                {
                    calls++;
                    Assert.True(read_nowait(fd, out _) > 0);
                });
            });
            other.Start();
            other.Join();
        };
        _ = context.Poll(false);
        Assert.Null(test.BeforeLosing);
        Assert.Equal(0, context.GetStatistics().HandlersLost);
        Assert.Equal(sizeof(ulong), write(fd, 1UL));
        Assert.True(context.Poll(false));
        Assert.Equal(1, calls);
        context.SetFdHandler(fd, null);
        close(fd);
    }

    private static int OpenAs(int number)
    {
        int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int fd = fcntl(low, F_DUPFD_CLOEXEC, number);
        close(low);
        return fd;
    }

    /// <summary>With epoll the wait takes the notifier's event: its counter is left as it is, and the loop sleeps nevertheless.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AWakeUpNeedsNoReadWithEpoll(FdMonitorKind kind)
    {
        const long wait = 20_000_000;
        AioFailpoints test = new();
        using AioContext context = new(new AioContextOptions { FdMonitor = kind }, test);
        BottomHalf bh = context.CreateBottomHalf(() => { }, "bh");
        _ = context.Poll(false);
        for (int i = 0; i < 3; i++)
        {
            // Somebody schedules when the loop has looked for the last time.
            test.OnWait = timeout =>
            {
                bh.Schedule();
                return timeout;
            };
            Assert.True(context.Poll(true));
            int waits = 0;
            test.OnWait = _ =>
            {
                waits++;
                return wait;
            };
            for (long end = AioClock.Monotonic.NowNs + wait; AioClock.Monotonic.NowNs < end;)
            {
                Assert.False(context.Poll(true));
            }

            // One, or a few when signals of the runtime interrupt it. A loop that an event kept awake would come round thousands of times.
            Assert.InRange(waits, 1, 100);
        }

        Assert.Equal(3, context.GetStatistics().NotifierWrites);
        Assert.Equal(IsEdgeTriggered(kind), context.Notifier.TestAndClear());
    }

    private static bool IsEdgeTriggered(FdMonitorKind kind) => kind is FdMonitorKind.Auto or FdMonitorKind.Epoll;

    private static bool WakesAfterSwallowedEvent(FdMonitorKind kind, AioFailpoints test)
    {
        using Stage stage = new(kind, test);
        int calls = 0;
        BottomHalf a = stage.Context.CreateBottomHalf(() => calls++, "a");
        BottomHalf b = stage.Context.CreateBottomHalf(() => calls++, "b");
        BottomHalf c = stage.Context.CreateBottomHalf(() => calls++, "c");
        stage.IoPrepare();
        a.Schedule();
        test.BeforeClear = () =>
        {
            test.BeforeClear = null;
            b.Schedule();
            stage.Context.Notify();
        };

        // The vcpu takes the flags, somebody notifies again, the vcpu clears the event and runs both.
        Assert.True(stage.Context.Poll(false));
        Assert.Equal(2, calls);
        c.Schedule();
        return stage.IoWakes();
    }

    /// <summary>A context with a lock that this thread holds for everybody, and an outer loop.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly AioOuterLoop _outer;
        private readonly EventNotifier _dummy = new();
        private readonly pollfd[] _fds = new pollfd[8];
        private int _count;

        public Stage(FdMonitorKind kind, AioFailpoints test)
        {
            _lock.Enter();
            Context = new AioContext(new AioContextOptions { FdMonitor = kind, PollLock = _lock }, test);
            _outer = Context.GetOuterLoop();

            // A handler without a poll callback makes every poll ask the kernel.
            Context.SetEventNotifier(_dummy, () => _dummy.TestAndClear());
            for (int i = 0; i < 3; i++)
            {
                Context.Poll(false);
            }
        }

        public AioContext Context { get; }

        public void IoPrepare()
        {
            _outer.Prepare(out _);
            _count = _outer.Query(_fds);
        }

        /// <summary>The wait that would last for ever.</summary>
        public bool IoWakes() => ppoll(_fds.AsSpan(0, _count), 0) > 0;

        public void IoFinish()
        {
            _ = IoWakes();
            if (_outer.Check(_fds.AsSpan(0, _count)))
            {
                _outer.Dispatch();
            }
        }

        public void Dispose()
        {
            Context.Dispose();
            _dummy.Dispose();
            _lock.Exit();
        }
    }
}
