using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio.Tests;

/// <summary>Descriptor handlers: adding, changing and removing anywhere.</summary>
public sealed class HandlerTests
{
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void AHandlerMayRemoveItself(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventNotifier notifier = loop.CreateNotifier();
        int calls = 0;
        loop.Context.SetEventNotifier(notifier, () =>
        {
            calls++;
            loop.Context.SetEventNotifier(notifier, null);
        });
        notifier.Set();
        Assert.True(loop.Poll(true));
        Assert.False(loop.Poll(false));
        Assert.Equal(1, calls);
    });

    /// <summary>Of two that are ready together, the first removes the second, which must not be called.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void ARemovedHandlerIsNotCalled(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        EventNotifier[] notifiers = [loop.CreateNotifier(), loop.CreateNotifier()];
        int calls = 0;
        for (int i = 0; i < 2; i++)
        {
            EventNotifier other = notifiers[1 - i];
            loop.Context.SetEventNotifier(notifiers[i], () =>
            {
                calls++;
                loop.Context.SetEventNotifier(other, null);
                other.TestAndClear();
            });
        }

        notifiers[0].Set();
        notifiers[1].Set();
        Assert.True(loop.Poll(true));
        Assert.Equal(1, calls);
        Array.ForEach(notifiers, n =>
        {
            loop.Context.SetEventNotifier(n, null);
            n.Dispose();
        });
    });

    /// <summary>What was found ready for the old callbacks does not reach the new ones.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void AChangedHandlerStartsAfresh(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        EventNotifier[] notifiers = [loop.CreateNotifier(), loop.CreateNotifier()];
        int old = 0;
        int changed = 0;
        EventNotifier? replaced = null;
        for (int i = 0; i < 2; i++)
        {
            EventNotifier mine = notifiers[i];
            EventNotifier other = notifiers[1 - i];
            loop.Context.SetEventNotifier(mine, () =>
            {
                old++;
                mine.TestAndClear();
                replaced = other;
                loop.Context.SetEventNotifier(other, () =>
                {
                    changed++;
                    other.TestAndClear();
                });
            });
        }

        notifiers[0].Set();
        notifiers[1].Set();
        Assert.True(loop.Poll(true));
        Assert.Equal((1, 0), (old, changed));

        // The descriptor is still readable, which is found anew.
        Assert.True(loop.Poll(true));
        Assert.Equal((1, 1), (old, changed));
        Assert.False(loop.Poll(false));
        replaced!.Set();
        Assert.True(loop.Poll(true));
        Assert.Equal((1, 2), (old, changed));
        Array.ForEach(notifiers, n =>
        {
            loop.Context.SetEventNotifier(n, null);
            n.Dispose();
        });
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void HandlersCanBeAddedFromCallbacks(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        List<EventNotifier> notifiers = [];
        void Add()
        {
            EventNotifier notifier = loop.CreateNotifier();
            notifiers.Add(notifier);
            loop.Context.SetEventNotifier(notifier, () =>
            {
                notifier.TestAndClear();
                if (notifiers.Count < 40)
                {
                    Add();
                }
            });
            notifier.Set();
        }

        Add();
        loop.Drain();
        while (notifiers.Count < 40)
        {
            loop.Poll(true);
        }

        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, null);
            notifier.Dispose();
        }

        loop.Drain();
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void ReadAndWriteAreCalledForTheirEvents(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, out int a, out int b));
        int reads = 0;
        int writes = 0;
        loop.Context.SetFdHandler(
            a,
            () =>
            {
                reads++;
                Span<byte> buffer = stackalloc byte[16];
                _ = recv(a, buffer, 0);
            },
            () =>
            {
                // Level triggered: it would be called for ever.
                writes++;
                loop.Context.SetFdHandler(a, () => reads++);
            });
        loop.Poll(true);
        Assert.Equal((0, 1), (reads, writes));
        Assert.Equal(1, send(b, [1], 0));
        loop.Poll(true);
        Assert.Equal((1, 1), (reads, writes));
        loop.Context.SetFdHandler(a, null);
        close(a);
        close(b);
    });

    /// <summary>Readable and writable at once: the read callback removes the handler, and nobody calls what was removed.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AWriteCallbackIsNotCalledAfterTheReadCallbackRemovedIt(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, out int a, out int b));
        Assert.Equal(1, send(b, [1], 0));
        int reads = 0;
        int writes = 0;
        loop.Context.SetFdHandler(
            a,
            () =>
            {
                reads++;
                loop.Context.SetFdHandler(a, null);
            },
            () => writes++);
        for (int i = 0; i < 10 && reads == 0; i++)
        {
            loop.Poll(true);
        }

        Assert.Equal((1, 0), (reads, writes));
        loop.Drain();
        Assert.Equal((1, 0), (reads, writes));
        close(a);
        close(b);
    });

    /// <summary>A socket that can be read and has no room to write calls its read callback only.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AWriteCallbackIsNotCalledForWhatCanBeRead(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, out int a, out int b));
        while (send(a, new byte[4096], 0) > 0)
        {
        }

        Assert.Equal(1, send(b, [1], 0));
        int reads = 0;
        int writes = 0;
        loop.Context.SetFdHandler(
            a,
            () =>
            {
                reads++;
                Assert.True(read_nowait(a, out _) > 0);
            },
            () => writes++);
        for (int i = 0; i < 10 && reads == 0; i++)
        {
            loop.Poll(true);
        }

        Assert.Equal((1, 0), (reads, writes));
        loop.Context.SetFdHandler(a, null);
        close(a);
        close(b);
    });

    /// <summary>A hung-up descriptor that nobody reads must not make the loop spin: the writer is told.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void AWriterLearnsThatTheReaderIsGone(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        Assert.Equal(0, pipe2(out int readEnd, out int writeEnd, O_CLOEXEC | O_NONBLOCK));
        Span<byte> block = new byte[4096];
        while (write(writeEnd, (ReadOnlySpan<byte>)block) > 0)
        {
        }

        bool told = false;
        loop.Context.SetFdHandler(writeEnd, null, () =>
        {
            told = true;
            loop.Context.SetFdHandler(writeEnd, null);
        });
        close(readEnd);
        Assert.True(loop.Poll(true));
        Assert.True(told);
        close(writeEnd);
    });

    /// <summary>A mistake in the program: it is counted (epoll can't tell), and the loop neither spins nor fails.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void ADescriptorThatWasClosedFirstIsForgotten(FdMonitorKind kind) => TestLoop.Run(kind, false, loop =>
    {
        // A high number: a low one could become another test's descriptor at once.
        const int high = 5000;
        int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int fd = fcntl(low, F_DUPFD_CLOEXEC, high);
        close(low);
        Assert.True(fd >= high, $"F_DUPFD_CLOEXEC gave {fd}.");
        loop.Context.SetFdHandler(fd, () => { });
        close(fd);
        loop.Poll(false);
        loop.Poll(false);
        bool epoll = kind is FdMonitorKind.Auto or FdMonitorKind.Epoll;
        Assert.Equal(epoll ? 0 : 1, loop.Context.GetStatistics().HandlersLost);
        BottomHalf bh = loop.Context.CreateBottomHalf(() => { }, "alive");
        bh.Schedule();
        Assert.True(loop.Poll(true));
    });

    /// <summary>A blocking poll inside a handler finds other handlers, and the outer one then has nothing left of them.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void ANestedPollTakesWhatIsReady(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        EventNotifier[] notifiers = [loop.CreateNotifier(), loop.CreateNotifier(), loop.CreateNotifier()];
        List<int> calls = [];
        for (int i = 0; i < 3; i++)
        {
            int me = i;
            loop.Context.SetEventNotifier(notifiers[i], () =>
            {
                Assert.True(notifiers[me].TestAndClear());
                calls.Add(me);
                if (calls.Count == 1)
                {
                    while (calls.Count < 3)
                    {
                        Assert.True(loop.Poll(true));
                    }
                }
            });
            notifiers[i].Set();
        }

        Assert.True(loop.Poll(true));
        Assert.Equal([0, 1, 2], calls.Order());
        Assert.False(loop.Poll(false));
        Array.ForEach(notifiers, n =>
        {
            loop.Context.SetEventNotifier(n, null);
            n.Dispose();
        });
    });

    /// <summary>Another thread's change is seen by a loop that sleeps.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void AHandlerAddedByAnotherThreadIsSeenBySleepers(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventNotifier notifier = loop.CreateNotifier();
        bool called = false;
        loop.Drain();
        Thread other = new(() =>
        {
            SpinWait.SpinUntil(() => loop.Context.NotifyMe != 0);
            loop.Context.SetEventNotifier(notifier, () => called = notifier.TestAndClear());
            notifier.Set();
        });
        other.Start();
        while (!called)
        {
            loop.Poll(true);
        }

        other.Join();
        loop.Context.SetEventNotifier(notifier, null);
    });
}
