using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>What is special about one monitor or another.</summary>
public sealed class MonitorTests
{
    /// <summary>QEMU's test-fdmon-epoll: many notifiers, one of them set.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void fdmon_epoll(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 100).Select(_ => new EventNotifier())];
        int calls = 0;
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, () =>
            {
                Assert.True(notifier.TestAndClear());
                calls++;
            });
        }

        loop.Drain();
        notifiers[0].Set();
        Assert.True(loop.Poll(true));
        notifiers[99].Set();
        Assert.True(loop.Poll(true));
        Assert.Equal(2, calls);
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, null);
            notifier.Dispose();
        }
    });

    /// <summary>A descriptor was closed and its number opened again while its handler was set: a new handler of that number gets the new file's events.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void ANumberThatWasOpenedAgainIsWatchedAnew(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        // A high number: a low one could become another test's descriptor between the two steps.
        const int high = 6000;
        using EventNotifier first = new();
        using EventNotifier second = new();
        int number = fcntl(first.Key, F_DUPFD_CLOEXEC, high);
        Assert.True(number >= high, $"F_DUPFD_CLOEXEC gave {number}.");
        int old = 0;
        int present = 0;
        loop.Context.SetFdHandler(number, () => old++);
        loop.Drain();
        close(number);
        Assert.Equal(number, fcntl(second.Key, F_DUPFD_CLOEXEC, number));
        loop.Context.SetFdHandler(number, () =>
        {
            present++;
            second.TestAndClear();
        });
        second.Set();
        for (int i = 0; i < 10 && present == 0; i++)
        {
            loop.Poll(true);
        }

        Assert.Equal((0, 1), (old, present));
        loop.Context.SetFdHandler(number, null);
        close(number);
    });

    /// <summary>
    /// io_uring, second fault of QEMU 7.2: completions of time-outs and removals carried a freed handler's number. Adding and removing hundreds of descriptors, some of them
    /// ready, with passes in between, reaches only handlers that are set.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void CompletionsOfRemovedHandlersReachNobody(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        const int count = 300;
        Random random = new(2);
        AioTimer timer = loop.Context.CreateTimer(AioClock.Monotonic, () => { });
        for (int round = 0; round < 5; round++)
        {
            HashSet<EventNotifier> set = [];
            List<EventNotifier> all = [];
            for (int i = 0; i < count; i++)
            {
                EventNotifier notifier = new();
                all.Add(notifier);
                set.Add(notifier);
                loop.Context.SetEventNotifier(notifier, () =>
                {
                    Assert.Contains(notifier, set);
                    notifier.TestAndClear();
                });
                if (i % 50 == 0)
                {
                    timer.Modify(AioClock.Monotonic.NowNs + 1000);
                    loop.Poll(true);
                }
            }

            foreach (EventNotifier notifier in all.OrderBy(_ => random.Next()))
            {
                if (random.Next(2) == 0)
                {
                    notifier.Set();
                }

                if (random.Next(20) == 0)
                {
                    loop.Poll(false);
                }

                set.Remove(notifier);
                loop.Context.SetEventNotifier(notifier, null);
                notifier.Dispose();
            }

            loop.Drain();
        }
    });

    /// <summary>More changes than the ring has entries, between two passes.</summary>
    [Fact]
    public void TheRingTakesMoreChangesThanItHasEntries() => TestLoop.Run(FdMonitorKind.IoUring, false, static loop =>
    {
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 1000).Select(_ => new EventNotifier())];
        int calls = 0;
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, () => calls += notifier.TestAndClear() ? 1 : 0);
            notifier.Set();
        }

        while (calls < notifiers.Length)
        {
            Assert.True(loop.Poll(true));
        }

        loop.Drain();
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, null);
            notifier.Dispose();
        }
    });

    /// <summary>While the kernel takes no requests (EBUSY, in older ones), those that the ring has no room for wait their turn.</summary>
    [Fact]
    public void AFullRingLosesNoRequest() => TestLoop.Run(FdMonitorKind.IoUring, false, static loop =>
    {
        IoUringRing ring = ((IoUringFdMonitor)loop.Context.Monitor).Ring;
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 600).Select(_ => new EventNotifier())];
        int calls = 0;
        loop.Drain();
        ring.KernelRefuses = true;
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, () => calls += notifier.TestAndClear() ? 1 : 0);
            notifier.Set();
        }

        Assert.False(loop.Poll(false));
        Assert.False(loop.Poll(true));
        Assert.Equal(0, calls);

        // Removals need room as well.
        for (int i = 0; i < 100; i++)
        {
            loop.Context.SetEventNotifier(notifiers[i], null);
        }

        Assert.False(loop.Poll(false));
        ring.KernelRefuses = false;
        while (calls < notifiers.Length - 100)
        {
            Assert.True(loop.Poll(true));
        }

        loop.Drain();
        Assert.Equal(notifiers.Length - 100, calls);
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, null);
            notifier.Dispose();
        }
    });

    /// <summary>epoll refuses regular files, poll calls them always ready.</summary>
    [Theory]
    [InlineData(FdMonitorKind.Auto)]
    [InlineData(FdMonitorKind.Poll)]
    [InlineData(FdMonitorKind.IoUring)]
    public void RegularFilesAreAlwaysReady(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        using EventNotifier notifier = new();
        int events = 0;
        loop.Context.SetEventNotifier(notifier, () => events += notifier.TestAndClear() ? 1 : 0);
        using FileDescriptor file = FileDescriptor.FromResult(memfd_create("regular", MFD_CLOEXEC), "memfd_create");
        using FileDescriptor disk = FileDescriptor.FromResult(open(typeof(MonitorTests).Assembly.Location, O_RDONLY | O_CLOEXEC), "open");
        int calls = 0;
        loop.Context.SetFdHandler(disk.Value, () => calls++);
        Assert.True(loop.Poll(true));
        notifier.Set();
        while (events == 0 || calls < 2)
        {
            Assert.True(loop.Poll(true));
        }

        loop.Context.SetFdHandler(disk.Value, null);
        loop.Drain();
        loop.Context.SetEventNotifier(notifier, null);
    });

    [Fact]
    public void EpollRefusesRegularFiles() => TestLoop.Run(FdMonitorKind.Epoll, false, static loop =>
    {
        using FileDescriptor disk = FileDescriptor.FromResult(open(typeof(MonitorTests).Assembly.Location, O_RDONLY | O_CLOEXEC), "open");
        ErrnoException e = Assert.Throws<ErrnoException>(() => loop.Context.SetFdHandler(disk.Value, () => { }));
        Assert.Equal(EPERM, e.Errno.Value);
        Assert.False(loop.Poll(false));
    });

    /// <summary>A context whose home thread ends is taken over by another, with whatever was being watched.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AnotherThreadCanTakeOver(FdMonitorKind kind)
    {
        AioContext context = null!;
        using EventNotifier notifier = new();
        int calls = 0;
        TestLoop.OnThread(() =>
        {
            context = new AioContext(new AioContextOptions { FdMonitor = kind });
            context.SetEventNotifier(notifier, () => calls += notifier.TestAndClear() ? 1 : 0);
            context.Poll(false);
            notifier.Set();
            Assert.True(context.Poll(true));
        });
        TestLoop.OnThread(() =>
        {
            context.BindToCurrentThread();
            Assert.Same(context, AioContext.Current);
            notifier.Set();
            while (calls < 2)
            {
                context.Poll(true);
            }

            context.SetEventNotifier(notifier, null);
            context.Dispose();
            Assert.Null(AioContext.Current);
        });
    }

    /// <summary>One wait blocks; handles that are signalled together are all dispatched in that pass.</summary>
    [Fact]
    public void WaitHandlesKeepTheWindowsOrder() => TestLoop.Run(FdMonitorKind.WaitHandles, false, static loop =>
    {
        List<string> order = [];
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 3).Select(_ => EventNotifier.CreatePortable())];
        for (int i = 0; i < 3; i++)
        {
            EventNotifier notifier = notifiers[i];
            loop.Context.SetEventNotifier(notifier, () =>
            {
                Assert.True(notifier.TestAndClear());
                order.Add("handler");
                Assert.Equal(0, loop.Context.NotifyMe);
            });
            notifier.Set();
        }

        AioClock clock = AioClock.CreateVirtual();
        loop.Context.CreateTimer(clock, () => order.Add("timer")).Modify(0);
        loop.Context.ScheduleOneShot(() => order.Add("bh"));
        Assert.True(loop.Poll(true));
        Assert.Equal(["bh", "handler", "handler", "handler", "timer"], order);
        Array.ForEach(notifiers, n =>
        {
            loop.Context.SetEventNotifier(n, null);
            n.Dispose();
        });
    });

    [Fact]
    public void WaitHandlesAreLimited() => TestLoop.Run(FdMonitorKind.WaitHandles, false, static loop =>
    {
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 64).Select(_ => EventNotifier.CreatePortable())];
        for (int i = 0; i < 63; i++)
        {
            loop.Context.SetEventNotifier(notifiers[i], () => { });
        }

        Assert.Throws<NotSupportedException>(() => loop.Context.SetEventNotifier(notifiers[63], () => { }));
        Array.ForEach(notifiers, n =>
        {
            loop.Context.SetEventNotifier(n, null);
            n.Dispose();
        });
    });
}
