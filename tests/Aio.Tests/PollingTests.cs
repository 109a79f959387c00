using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>Polling in user space.</summary>
[Collection(nameof(Alone))]
public sealed class PollingTests
{
    /// <summary>QEMU's test-nested-aio-poll: a ready callback that polls must not be entered again by that poll.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void nested_aio_poll(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        AioContext context = loop.Context;
        context.SetPollParameters(1_000_000, 2, 2);
        using EventNotifier pollNotifier = new();
        using EventNotifier nested = new();
        bool nestedRead = false;
        bool inside = false;
        int readyCalls = 0;
        context.SetEventNotifier(
            nested,
            () =>
            {
                Assert.True(nested.TestAndClear());
                nestedRead = true;
            },
            () => false,
            () => Assert.Fail("The nested notifier is never ready by polling."));
        context.SetEventNotifier(
            pollNotifier,
            () => { },
            () => true,
            () =>
            {
                Assert.False(inside);
                inside = true;
                readyCalls++;
                nested.Set();
                nestedRead = false;
                while (!nestedRead)
                {
                    Assert.True(context.Poll(true));
                }

                inside = false;
            });
        pollNotifier.Set();
        Assert.False(context.Poll(false) && readyCalls > 0);
        for (int i = 0; i < 10 && readyCalls < 2; i++)
        {
            Assert.True(context.Poll(true));
        }

        Assert.True(readyCalls >= 2);
        context.SetEventNotifier(pollNotifier, null);
        context.SetEventNotifier(nested, null);
    });

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void BeginAndEndAreCalledInPairs(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        handler.Activate();
        Assert.False(handler.InPollMode);

        handler.EnterPollMode();
        Assert.True(handler.Polled > 0);
        Assert.Equal(handler.Ended + 1, handler.Begun);

        // A removed handler gets its end callback at once.
        handler.Remove();
        Assert.Equal(handler.Ended, handler.Begun);
    });

    /// <summary>What comes while poll mode ends is found by the last look.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AnEventThatRacesWithTheEndIsFound(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        handler.Activate();
        handler.EnterPollMode();
        loop.Context.SetPollParameters(0, 0, 0);
        handler.OnEnd = handler.SetWithoutEvent;
        int before = handler.Consumed;
        while (handler.Consumed == before)
        {
            loop.Poll(true);
        }

        Assert.False(handler.InPollMode);
        handler.Remove();
    });

    /// <summary>A handler is replaced in poll mode, and work comes before the end callback turned notifications on again: the new one is asked, since nobody will notify it.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void WorkThatRacesWithAChangeOfHandlersIsFound(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        handler.Activate();
        handler.EnterPollMode();
        int work = 0;
        int found = 0;
        handler.OnEnd = () => work = 1;
        loop.Context.SetEventNotifier(handler.Notifier, () => handler.Notifier.TestAndClear(), () => work != 0, () => found += Interlocked.Exchange(ref work, 0));
        for (int i = 0; i < 200 && found == 0; i++)
        {
            loop.Poll(false);
        }

        Assert.Equal(1, found);
        handler.OnEnd = null;
        handler.Remove();
    });

    /// <summary>More handlers than the table had room for at first, set by another thread: a busy thread polls them all.</summary>
    [Fact]
    public void ABusyThreadFindsEachHandlerThatAnotherOneSets()
    {
        const int count = 70;
        using IoThread thread = new(new IoThreadOptions { Name = "scan", Policy = PollPolicy.Busy });
        thread.Start();
        int[] polled = new int[count];
        EventNotifier[] notifiers = [.. Enumerable.Range(0, count).Select(static _ => new EventNotifier())];
        for (int i = 0; i < count; i++)
        {
            int me = i;
            thread.Context.SetEventNotifier(notifiers[i], () => notifiers[me].TestAndClear(), () => polled[me]++ < 0, static () => { });
        }

        Assert.True(SpinWait.SpinUntil(() => Array.TrueForAll(polled, static p => p > 0), TimeSpan.FromSeconds(20)));
        Array.ForEach(notifiers, n => thread.Context.SetEventNotifier(n, null));
        thread.Run(static () => { });
        Array.ForEach(notifiers, static n => n.Dispose());
    }

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void DisposeEndsPollMode(FdMonitorKind kind)
    {
        PolledHandler handler = null!;
        TestLoop.Run(kind, false, loop =>
        {
            handler = new PolledHandler(loop.Context);
            loop.Context.SetPollParameters(1_000_000_000, 0, 0);
            handler.Activate();
            handler.EnterPollMode();
        });
        Assert.Equal(handler.Ended, handler.Begun);
        Assert.False(handler.InPollMode);
    }

    /// <summary>The time for polling grows by its factor, and not beyond what is allowed.</summary>
    [Fact]
    public void PollingGrowsUpToItsLimit()
    {
        using AioContext context = new();
        AioHandler handler = new(0, null, null, () => false, () => { });
        context.SetPollParameters(10_000, 4, 0);
        List<long> times = [];
        for (int i = 0; i < 3; i++)
        {
            context.Adjust(handler, ready: true, blockNs: 10_000);
            times.Add(handler.PollNs);
        }

        Assert.Equal([4_000, 10_000, 10_000], times);
    }

    /// <summary>
    /// A poll callback schedules a bottom half and says that it found nothing, when no time is left to poll again: the loop does not sleep on it. The clock is looked at
    /// every so many passes, and the callback is asked elsewhere in those; so it is tried several times.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void WhatAPollCallbackSchedulesRunsAtOnce(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        handler.Activate();
        int ran = 0;
        BottomHalf bh = loop.Context.CreateBottomHalf(() => ran++, "scheduled by a poll callback");
        for (int i = 0; i < 10; i++)
        {
            handler.EnterPollMode();
            for (int found = 0; found < 100; found++)
            {
                handler.SetWithoutEvent();
                loop.Poll(true);
            }

            // Sets all times back to nothing, and the pass takes the notification of that; the handler is in poll mode still.
            loop.Context.SetPollParameters(1_000_000_000, 0, 0);
            loop.Poll(false);
            handler.OnPoll = () =>
            {
                handler.OnPoll = null;
                bh.Schedule();
            };
            Assert.True(loop.Poll(true));
            Assert.Equal(i + 1, ran);
        }

        handler.Remove();
    });

    /// <summary>The end callback of a handler that finds no work schedules a bottom half, when the loop is about to sleep.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void WhatAnEndCallbackSchedulesRunsAtOnce(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        handler.Activate();
        int ran = 0;
        BottomHalf bh = loop.Context.CreateBottomHalf(() => ran++, "scheduled by an end callback");
        handler.EnterPollMode();
        loop.Context.SetPollParameters(0, 0, 0);
        handler.OnEnd = bh.Schedule;
        Assert.True(loop.Poll(true));
        Assert.Equal(1, ran);
        handler.OnEnd = null;
        handler.Remove();
    });

    /// <summary>Polling that never finds anything in time is given up.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void PollingShrinksWhenItDoesNotPay(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        loop.Context.SetPollParameters(50_000, 0, 0);
        AioTimer timer = loop.Context.CreateTimer(AioClock.Monotonic, () => { });
        for (int i = 0; i < 5; i++)
        {
            timer.Modify(AioClock.Monotonic.NowNs + 5_000_000);
            while (timer.IsPending)
            {
                loop.Poll(true);
            }
        }

        AioStatistics statistics = loop.Context.GetStatistics();
        Assert.Equal(0, statistics.PollingSuccesses);
        Assert.True(statistics.PollingNs < 5 * 100_000_000L);
    });

    /// <summary>Passes that never sleep nevertheless notice a handler that is not polled.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AHandlerThatWasNeverActiveIsNoticedByPassesThatDoNotBlock(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        PolledHandler handler = new(loop.Context);
        handler.Notifier.Set();
        for (int i = 0; i < 200 && handler.Read == 0; i++)
        {
            loop.Poll(false);
        }

        Assert.Equal(1, handler.Read);
        handler.Remove();
    });

    /// <summary>
    /// io_uring, first fault of QEMU 7.2: after a notifier's event the new request made the loop sleep instead of polling. Two threads hand a bottom half to and fro: nearly all
    /// notifications must need no system call. A busy machine takes a processor away now and then, and one of the two sleeps; the fault would spoil every game.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void PollingAvoidsNotifierWrites(FdMonitorKind kind)
    {
        Assert.True(Environment.ProcessorCount > 1, "Two threads that poll for each other need two processors; run the tests where there are two.");
        const int rounds = 5_000;
        const int games = 5;
        long fewest = long.MaxValue;
        for (int i = 0; i < games && fewest > rounds * 2 / 100; i++)
        {
            fewest = Math.Min(fewest, PlayPolling(kind, rounds));
        }

        Assert.InRange(fewest, 0, rounds * 2 / 100);
    }

    /// <returns>Writes of both notifiers.</returns>
    private static long PlayPolling(FdMonitorKind kind, int rounds)
    {
        AioContextOptions options = new() { FdMonitor = kind };
        using IoThread a = new(new IoThreadOptions { Name = "ping", Context = options, PollMaxNs = 100_000_000 });
        using IoThread b = new(new IoThreadOptions { Name = "pong", Context = options, PollMaxNs = 100_000_000 });
        using ManualResetEventSlim done = new();
        int count = 0;
        BottomHalf ping = null!;
        BottomHalf pong = b.Context.CreateBottomHalf(() => ping.Schedule(), "pong");
        ping = a.Context.CreateBottomHalf(
            () =>
            {
                if (++count == rounds)
                {
                    done.Set();
                }
                else
                {
                    pong.Schedule();
                }
            },
            "ping");
        a.Start();
        b.Start();
        pong.Schedule();
        Assert.True(done.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.True(a.GetStatistics().PollingSuccesses > 0);
        return a.GetStatistics().NotifierWrites + b.GetStatistics().NotifierWrites;
    }

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void TheHomeThreadNeverWritesItsNotifier(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        const int rounds = 1000;
        int calls = 0;
        BottomHalf bh = loop.Context.CreateBottomHalf(() => calls++, "bh");
        for (int i = 0; i < rounds; i++)
        {
            bh.Schedule();
            Assert.True(loop.Poll(true));
        }

        AioStatistics statistics = loop.Context.GetStatistics();
        Assert.Equal(rounds, calls);
        Assert.Equal(0, statistics.NotifierWrites);
        Assert.Equal(rounds, statistics.BottomHalves);
        Assert.True(statistics.NotifierWritesAvoided >= rounds);
    });

    private sealed class PolledHandler
    {
        private readonly AioContext _context;
        private int _work;

        public PolledHandler(AioContext context)
        {
            _context = context;
            context.SetEventNotifier(Notifier, OnRead, IsReady, OnReady);
            context.SetEventNotifierPollCallbacks(
                Notifier,
                () => Begun++,
                () =>
                {
                    Ended++;
                    OnEnd?.Invoke();
                });
        }

        public EventNotifier Notifier { get; } = new();

        public int Read { get; private set; }

        public int Polled { get; private set; }

        /// <summary>Work that was found, by polling or, with an event of before that a monitor still had in hand, by reading.</summary>
        public int Consumed { get; private set; }

        public int Begun { get; private set; }

        public int Ended { get; private set; }

        public bool InPollMode => Begun > Ended;

        public Action? OnEnd { get; set; }

        /// <summary>Runs when the handler is asked whether there is work.</summary>
        public Action? OnPoll { get; set; }

        /// <summary>The first event comes through the descriptor; from then on the handler is polled.</summary>
        public void Activate()
        {
            Notifier.Set();
            while (Read == 0)
            {
                _context.Poll(true);
            }
        }

        /// <summary>Each wait that ended in time doubles the time that is spent on polling, until an event is found by polling.</summary>
        public void EnterPollMode()
        {
            for (int i = 0; i < 10_000 && !(InPollMode && Polled > 0); i++)
            {
                Thread other = SetLater();
                _context.Poll(true);
                other.Join();
            }

            // The work was found by polling, and its event is still there. It must not be taken for one that comes later.
            Assert.True(InPollMode);
            _ = Notifier.TestAndClear();
            Volatile.Write(ref _work, 0);
        }

        private bool IsReady()
        {
            OnPoll?.Invoke();
            return Volatile.Read(ref _work) != 0;
        }

        /// <summary>Work appears a moment after the next wait began, as from another processor.</summary>
        private Thread SetLater()
        {
            Thread other = new(() =>
            {
                Thread.Yield();
                Volatile.Write(ref _work, 1);
                Notifier.Set();
            });
            other.Start();
            return other;
        }

        public void SetWithoutEvent() => Volatile.Write(ref _work, 1);

        public void Remove()
        {
            _context.SetEventNotifier(Notifier, null);
            Notifier.Dispose();
        }

        private void OnRead()
        {
            Notifier.TestAndClear();
            Consumed += Interlocked.Exchange(ref _work, 0);
            Read++;
        }

        private void OnReady()
        {
            Consumed += Interlocked.Exchange(ref _work, 0);
            Polled++;
        }
    }
}
