using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>Misuse has one outcome each.</summary>
public sealed class BadInputTests
{
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void ADisposedContextSaysSo(FdMonitorKind kind)
    {
        AioContext context = new(new AioContextOptions { FdMonitor = kind });
        bool ran = false;
        BottomHalf bh = context.CreateBottomHalf(() => ran = true, "bh");
        AioTimer timer = context.CreateTimer(AioClock.Monotonic, () => ran = true);
        AioOuterLoop outer = context.GetOuterLoop();
        context.Poll(false);
        bh.Schedule();
        timer.Modify(0);
        context.Dispose();
        context.Dispose();

        // What may race with the end of a context does nothing.
        bh.Schedule();
        bh.ScheduleIdle();
        bh.Cancel();
        bh.Delete();
        timer.Modify(0);
        timer.Delete();
        Assert.False(timer.IsPending);
        context.Notify();
        context.ScheduleOneShot(() => ran = true);

        // What asks for something is told.
        Assert.Throws<ObjectDisposedException>(() => context.Poll(false));
        Assert.Throws<ObjectDisposedException>(() => context.Poll(true));
        Assert.Throws<ObjectDisposedException>(() => context.CreateBottomHalf(() => { }, "late"));
        Assert.Throws<ObjectDisposedException>(() => context.CreateTimer(AioClock.Monotonic, () => { }));
        Assert.Throws<ObjectDisposedException>(() => context.SetPollParameters(0, 0, 0));
        Assert.Throws<ObjectDisposedException>(context.GetOuterLoop);
        Assert.Throws<ObjectDisposedException>(context.BindToCurrentThread);
        Assert.Throws<ObjectDisposedException>(() => outer.Prepare(out _));
        Assert.Throws<ObjectDisposedException>(() => outer.Dispatch());
        if (kind != FdMonitorKind.WaitHandles)
        {
            Assert.Throws<ObjectDisposedException>(() => context.SetFdHandler(0, () => { }));
        }

        Assert.False(ran);
    }

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AForeignThreadMayNotPoll(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        loop.Poll(false);
        InvalidOperationException? error = null;
        TestLoop.OnThread(() =>
        {
            error = Assert.Throws<InvalidOperationException>(() => loop.Context.Poll(false));
            Assert.Throws<InvalidOperationException>(() => loop.Context.GetOuterLoop().Prepare(out _));
            Assert.False(loop.Context.IsHomeThread);
        });
        Assert.Contains("belongs to another thread", error!.Message, StringComparison.Ordinal);
        Assert.Contains(loop.Context.Name, error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void APollLockMustBeHeld()
    {
        Lock pollLock = new();
        using AioContext context = new(new AioContextOptions { PollLock = pollLock });
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => context.Poll(false));
        Assert.Contains("Take the lock", e.Message, StringComparison.Ordinal);
        lock (pollLock)
        {
            Assert.False(context.Poll(false));
        }
    }

    /// <summary>The exception leaves through Poll; what had not run yet runs in the next one, and the loop is as good as before.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void ACallbackThatThrowsLosesNothing(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        AioClock clock = AioClock.CreateVirtual();
        List<string> ran = [];
        using EventNotifier notifier = loop.CreateNotifier();
        loop.Context.SetEventNotifier(notifier, () =>
        {
            notifier.TestAndClear();
            ran.Add("handler");
            throw new FormatException("handler");
        });
        loop.Drain();
        loop.Context.CreateTimer(clock, () =>
        {
            ran.Add("timer");
            throw new FormatException("timer");
        }).Modify(0);
        loop.Context.CreateTimer(clock, () => ran.Add("timer2")).Modify(0);
        loop.Context.ScheduleOneShot(() =>
        {
            ran.Add("bh");
            throw new FormatException("bh");
        });
        loop.Context.ScheduleOneShot(() => ran.Add("bh2"));
        notifier.Set();
        for (int i = 0; i < 10 && ran.Count < 5; i++)
        {
            try
            {
                loop.Poll(true);
            }
            catch (FormatException)
            {
                Assert.Equal(0, loop.Context.NotifyMe);
            }
        }

        Assert.Equal(["bh", "bh2", "handler", "timer", "timer2"], ran.Order());
        clock.IsEnabled = false;
        Assert.False(loop.Poll(false));
        loop.Context.SetEventNotifier(notifier, null);
    });

    /// <summary>A callback may end its own context; nothing runs afterwards.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void ACallbackMayDisposeOfItsContext(FdMonitorKind kind, bool outer)
    {
        foreach (string where in (string[])["bh", "handler", "timer"])
        {
            TestLoop.Run(kind, outer, loop =>
            {
                AioContext context = loop.Context;
                using EventNotifier notifier = loop.CreateNotifier();
                int afterwards = 0;
                bool disposed = false;
                void Callback(string me)
                {
                    afterwards += disposed ? 1 : 0;
                    if (me == where)
                    {
                        context.Dispose();
                        disposed = true;
                    }
                }

                context.SetEventNotifier(notifier, () => Callback("handler"));
                context.CreateTimer(AioClock.Monotonic, () => Callback("timer")).Modify(0);
                context.ScheduleOneShot(() => Callback("bh"));
                context.ScheduleOneShot(() => Callback("bh2"));
                notifier.Set();
                for (int i = 0; i < 3 && !disposed; i++)
                {
                    loop.Poll(true);
                }

                Assert.True(disposed);
                Assert.Equal(0, afterwards);
                Assert.Throws<ObjectDisposedException>(() => loop.Poll(false));
            });
        }
    }

    [Fact]
    public void NotifiersOfTheWrongKindAreRefused()
    {
        using AioContext fds = new();
        using AioContext handles = new(new AioContextOptions { FdMonitor = FdMonitorKind.WaitHandles });
        using EventNotifier descriptor = new();
        using EventNotifier portable = EventNotifier.CreatePortable();
        Assert.Throws<NotSupportedException>(() => fds.SetEventNotifier(portable, () => { }));
        Assert.Throws<NotSupportedException>(() => handles.SetEventNotifier(descriptor, () => { }));
        Assert.Throws<NotSupportedException>(() => handles.SetFdHandler(descriptor.Fd, () => { }));
        Assert.Throws<NotSupportedException>(() => handles.SetPollParameters(1, 0, 0));
        Assert.Throws<NotSupportedException>(() => handles.GetOuterLoop().Query([]));
        Assert.Throws<NotSupportedException>(() => fds.GetOuterLoop().QueryWaitHandles());
    }

    [Fact]
    public void WrongArgumentsAreNamed()
    {
        using AioContext context = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => context.SetFdHandler(-1, () => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => context.SetPollParameters(-1, 0, 0));
        Assert.Throws<ArgumentNullException>(() => context.CreateBottomHalf(null!, "x"));
        Assert.Throws<ArgumentNullException>(() => context.ScheduleOneShot(null!));
        Assert.Throws<InvalidOperationException>(() => context.SetFdPollCallbacks(5, null, null));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AioContext(new AioContextOptions { FdMonitor = (FdMonitorKind)99 }));
        ErrnoException e = Assert.Throws<ErrnoException>(() => context.SetFdHandler(1_000_000, () => { }));
        Assert.Equal(EBADF, e.Errno.Value);
        Assert.Contains("1000000", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANotifierSurvivesItsEnd()
    {
        EventNotifier own = new();
        own.Set();
        Assert.True(own.TestAndClear());
        Assert.False(own.TestAndClear());
        own.Dispose();
        own.Set();
        Assert.False(own.TestAndClear());

        using FileDescriptor fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        EventNotifier adopted = new(fd);
        Assert.False(adopted.TestAndClear());
        adopted.Set();
        Assert.True(adopted.TestAndClear());
        adopted.Dispose();
        Assert.True(fd.IsClosed);
        adopted.Set();

        using FileDescriptor closed = new(1_000_000);
        Assert.Throws<ErrnoException>(() => new EventNotifier(closed));
        closed.SetHandleAsInvalid();
    }
}
