using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>
/// The control thread never writes to an eventfd of a front end: its counter may be full, and O_NONBLOCK belongs to the open file, which the front end shares. Each
/// way to such a write is taken with a full counter that makes writers wait.
/// </summary>
public sealed class ForeignNotifierTests
{
    private const int Rounds = 2000;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void test_regression_a_call_notifier_that_comes_late_with_a_full_counter_is_not_waited_for()
    {
        using FileDescriptor full = MakeFull();
        using var done = new CancellationTokenSource();

        // The front end's other thread: our flag is gone as soon as it was set.
        Thread hostile = Start(() =>
        {
            while (!done.IsCancellationRequested)
            {
                _ = fcntl(full.Value, F_SETFL, 0);
            }
        });
        RunWithin(full, () =>
        {
            using var guest = new GuestMemory();
            using var fixture = new SessionFixture();
            StartRing(fixture, guest);
            for (int i = 0; i < Rounds; i++)
            {
                fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)));
                fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), full.Value);
            }

            Assert.False(fixture.Session.IsEnded);
        });
        done.Cancel();
        Assert.True(hostile.Join(s_limit));
    }

    [Fact]
    public void test_regression_the_last_marks_of_a_stopped_rings_log_are_not_waited_for()
    {
        using FileDescriptor full = MakeFull();
        RunWithin(full, () =>
        {
            using var guest = new GuestMemory();
            using var log = new GuestMemory();
            using var fixture = new SessionFixture();
            fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL);
            fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
            fixture.Front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(4096, 0)), log.File.Value);
            fixture.Front.Tell(RequestCode.SET_LOG_FD, default, full.Value);
            fixture.SetUpRing(0);
            fixture.Kick(0);
            fixture.Device.Queues[0].Layout.Log!.Mark(0, 4096);
            Assert.Equal(0, fcntl(full.Value, F_SETFL, 0));
            fixture.GetBase(0);
            Assert.Equal(1, log.Mapping.AsSpan()[0] & 1);
        });
    }

    [Fact]
    public void test_regression_a_broken_rings_notifier_is_not_waited_for()
    {
        using FileDescriptor full = MakeFull();
        RunWithin(full, () =>
        {
            using var guest = new GuestMemory();
            using var fixture = new SessionFixture();
            StartRing(fixture, guest);
            fixture.Front.Tell(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), full.Value);
            Assert.Equal(0, fcntl(full.Value, F_SETFL, 0));
            Wire.Write(guest.Mapping.AsSpan()[0x1002..], (ushort)300);
            TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Readable);
            fixture.Front.Settle();
            Assert.Contains(fixture.Log.Lines, l => l.Contains("ring 0 is broken", StringComparison.Ordinal));
        });
    }

    [Fact]
    public void test_regression_a_resumed_rings_call_is_not_waited_for()
    {
        using FileDescriptor full = MakeFull();
        RunWithin(full, () =>
        {
            using var guest = new GuestMemory();
            using var fixture = new SessionFixture();
            StartRing(fixture, guest);
            fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), full.Value);
            using SessionSnapshot snapshot = fixture.Session.Detach();
            using var done = new CancellationTokenSource();
            Thread hostile = Start(() =>
            {
                while (!done.IsCancellationRequested)
                {
                    _ = fcntl(full.Value, F_SETFL, 0);
                }
            });
            for (int i = 0; i < Rounds / 10; i++)
            {
                using var next = VhostUserSession.Resume(fixture.Context, snapshot, new RecordingDevice(), "next", new SessionOptions { Log = fixture.Log });
                Assert.False(next.IsEnded);
            }

            done.Cancel();
            Assert.True(hostile.Join(s_limit));
        });
    }

    [Fact]
    public void AnInBandKickOfARingWithADescriptorIsNotWaitedFor()
    {
        using FileDescriptor full = MakeFull();
        RunWithin(full, () =>
        {
            using var guest = new GuestMemory();
            using var fixture = new SessionFixture(options: new SessionOptions { AllowedProtocolFeatures = ~ProtocolFeatures.GPA_ADDRESSES });
            fixture.Negotiate();
            fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
            fixture.SetUpRing(0);
            fixture.Front.Tell(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), full.Value);
            Assert.Equal(0, fcntl(full.Value, F_SETFL, 0));
            fixture.Front.Tell(RequestCode.VRING_KICK, RawFrontEnd.Bytes(new VringState(0, 0)));
        });
    }

    [Fact]
    public void ASessionWhoseNotifierHeldUpAThreadIsEndedAsHostile()
    {
        using var guest = new GuestMemory();
        using var call = new EventNotifier();
        using var fixture = new SessionFixture();
        StartRing(fixture, guest);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        EventNotifier foreign = fixture.Device.Queues[0].CallNotifier!;

        // What the watch does when it finds a thread in a write to it.
        foreign.Stuck!(foreign);
        Assert.False(fixture.Session.IsEnded);
        Assert.True(fixture.Front.IsClosed());
        Assert.True(fixture.Session.IsEnded);
        Assert.Empty(fixture.Device.Running);
        Assert.Equal(1, fixture.Session.Quotas.StuckNotifiers);
        Assert.Contains(fixture.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains("its counter is full", StringComparison.Ordinal));
    }

    private static void StartRing(SessionFixture fixture, GuestMemory guest)
    {
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
    }

    private static FileDescriptor MakeFull()
    {
        var full = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        Assert.Equal(8, write(full.Value, ulong.MaxValue - 1));
        return full;
    }

    private static Thread Start(Action action)
    {
        var thread = new Thread(() => action()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <summary>Runs a loop on a thread of its own; one that hangs in a write is freed, so that the test can say so.</summary>
    private static void RunWithin(FileDescriptor full, Action action)
    {
        Exception? failure = null;
        Thread thread = Start(() => failure = Record.Exception(action));
        bool ended = thread.Join(s_limit);
        while (!ended)
        {
            _ = fcntl(full.Value, F_SETFL, O_NONBLOCK);
            _ = read(full.Value, out ulong _);
            if (thread.Join(TimeSpan.FromMilliseconds(100)))
            {
                break;
            }
        }

        Assert.True(ended, "the control thread waited for the front end's eventfd");
        Assert.Null(failure);
    }
}
