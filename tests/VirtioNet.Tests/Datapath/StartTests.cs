using System.Runtime.CompilerServices;
using VhostNet.Aio;
using VhostNet.Aio.Monitors;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A queue starts as a whole or not at all: whichever step fails, nothing is left, and a proper start works afterwards.</summary>
[Collection(Alone.Name)]
public sealed class StartTests : IDisposable
{
    private const ulong Features = VirtioFeatures.VERSION_1;

    // Not the automatic choice, which is poll(2) for a few descriptors and waits for plain files as well.
    private static readonly AioContextOptions s_epoll = new() { Name = "start", FdMonitor = FdMonitorKind.Epoll };
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "start", Policy = PollPolicy.Interrupt, Context = s_epoll });
    private readonly BurstMemory _memory = new();

    public StartTests()
    {
        _thread.Start();
        _memory.Add(default, new byte[100]);
    }

    public static TheoryData<bool, bool, int> Steps()
    {
        var data = new TheoryData<bool, bool, int>();
        foreach (bool transmit in (bool[])[true, false])
        {
            foreach (int step in (int[])[0, 1, 2, 3])
            {
                data.Add(transmit, true, step);
            }

            foreach (int step in (int[])[0, 10, 11, 12, 1, 2, 3])
            {
                data.Add(transmit, false, step);
            }
        }

        return data;
    }

    public void Dispose()
    {
        _thread.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void NothingIsLeftWhicheverStepFails(bool transmit, bool kicks, int step)
    {
        using var guest = new GuestRig("guest", Features, _thread, kicks: kicks);
        var fault = new ErrnoException("the test's", new Errno(ENOSPC));
        SetStep(guest, transmit, i =>
        {
            if (i == step)
            {
                throw fault;
            }
        });
        AssertFails<ErrnoException>(guest, transmit);
        SetStep(guest, transmit, null);
        AssertWorks(guest, transmit);
    }

    /// <summary>What a front end can send: epoll refuses plain files.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AKickThatCannotBeWaitedForLeavesNothing(bool transmit)
    {
        using var guest = new GuestRig("guest", Features, _thread);
        Virtqueue ring = Ring(guest, transmit);
        EventNotifier? kick = ring.Kick;
        using var file = new EventNotifier(FileDescriptor.FromResult(open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC), "open"));
        ring.Kick = file;
        AssertFails<ErrnoException>(guest, transmit);
        ring.Kick = kick;
        AssertWorks(guest, transmit);
    }

    /// <summary>SET_VRING_KICK without a descriptor, and none left for what stands in for it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ARingThatIsToBePolledLeavesNothingWithoutADescriptor(bool transmit)
    {
        using var guest = new GuestRig("guest", Features, _thread, kicks: false);
        rlimit before = default;
        Assert.Equal(0, getrlimit(RLIMIT_NOFILE, ref before));

        // Only for the one step: everything else here, the runtime too, goes on with what it has.
        SetStep(guest, transmit, i => Assert.Equal(0, i == 10 ? setrlimit(RLIMIT_NOFILE, before with { rlim_cur = 3 }) : 0));
        int descriptors = CountDescriptors();
        Exception? error;
        try
        {
            error = Record.Exception(() => Start(guest, transmit));
        }
        finally
        {
            Assert.Equal(0, setrlimit(RLIMIT_NOFILE, before));
        }

        Assert.Equal(EMFILE, Assert.IsType<ErrnoException>(error).Errno.Value);
        AssertNothingIsLeft(guest, transmit, descriptors);
        SetStep(guest, transmit, null);
        AssertWorks(guest, transmit);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AThreadThatEndedStartsAndKeepsNothing(bool transmit)
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "ended", Policy = PollPolicy.Interrupt });
        thread.Start();
        using var guest = new GuestRig("guest", Features, thread);
        Start(guest, transmit);
        thread.Stop();

        // The ring that ran is taken away all the same; no other one is begun.
        guest.Port.Device.StopQueue(Ring(guest, transmit));
        Assert.Null(View(guest, transmit));
        Assert.Throws<InvalidOperationException>(() => Start(guest, transmit));
        Assert.Null(View(guest, transmit));
        Assert.Null(PolicyChanged(thread));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AQueueThatHasARingKeepsIt(bool transmit)
    {
        using var guest = new GuestRig("guest", Features, _thread);
        using var other = new GuestRig("other", Features, _thread);
        Start(guest, transmit);
        Assert.Throws<InvalidOperationException>(() => guest.Port.Device.StartQueue(Ring(other, transmit)));
        Assert.Same(Ring(guest, transmit).View, View(guest, transmit));
        AssertCarries(guest, transmit);
    }

    /// <summary>A port that was removed while its front end is connected: its bursts' memory is gone.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AQueueThatWasDisposedOfTakesNoRing(bool transmit)
    {
        using var guest = new GuestRig("guest", Features, _thread);
        guest.Port.Dispose();
        AssertFails<ObjectDisposedException>(guest, transmit);
    }

    private static Virtqueue Ring(GuestRig guest, bool transmit) => transmit ? guest.TxDevice : guest.RxDevice;

    private static RingView? View(GuestRig guest, bool transmit) => transmit ? guest.Port.Pairs[0].Tx.Ring : guest.Port.Pairs[0].Rx.Ring;

    private static void Start(GuestRig guest, bool transmit) => guest.Port.Device.StartQueue(Ring(guest, transmit));

    private static void SetStep(GuestRig guest, bool transmit, Action<int>? step)
    {
        if (transmit)
        {
            guest.Port.Pairs[0].Tx.StepOfStart = step;
        }
        else
        {
            guest.Port.Pairs[0].Rx.StepOfStart = step;
        }
    }

    private void AssertFails<T>(GuestRig guest, bool transmit)
        where T : Exception
    {
        int descriptors = CountDescriptors();
        Assert.Throws<T>(() => Start(guest, transmit));
        AssertNothingIsLeft(guest, transmit, descriptors);
    }

    private void AssertNothingIsLeft(GuestRig guest, bool transmit, int descriptors)
    {
        Virtqueue ring = Ring(guest, transmit);
        Assert.Equal(descriptors, CountDescriptors());
        Assert.Null(View(guest, transmit));
        Assert.False(guest.Port.IsUp);
        Assert.Null(PolicyChanged(_thread));
        AssertNobodyTakesKicks(ring);

        // What a broadcast of another guest and a change of the polling meet.
        Assert.Equal(1, guest.Port.Deliver(_memory.Burst, _memory.Burst.AllFrames, 0, null));
        Assert.Equal(1, guest.Port.Pairs[0].Rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, null));
        _thread.SetPolicy(PollPolicy.Busy, 0);
        _thread.SetPolicy(PollPolicy.Interrupt, 0);
        Assert.Equal((0L, 0L), (ring.Counters.Polls, ring.Counters.Kicks));
    }

    private void AssertNobodyTakesKicks(Virtqueue ring)
    {
        if (ring.Kick is { } kick && fcntl(kick.Fd, F_GETFL) is var flags && (flags & 3) == O_RDWR)
        {
            kick.Set();
            _thread.Run(() => { });
            _thread.Run(() => { });
            Assert.True(kick.TestAndClear(), "somebody still watches the kick");
        }
    }

    private void AssertWorks(GuestRig guest, bool transmit)
    {
        Start(guest, transmit);
        Assert.Same(Ring(guest, transmit).View, View(guest, transmit));
        AssertCarries(guest, transmit);
        guest.Port.Device.StopQueue(Ring(guest, transmit));
        Assert.Null(View(guest, transmit));
        Assert.Null(PolicyChanged(_thread));
    }

    private void AssertCarries(GuestRig guest, bool transmit)
    {
        DriverQueue driver = transmit ? guest.Tx : guest.Rx;
        Assert.True(driver.Add([new(guest.Memory.Allocate(2048), 1024, !transmit)]) >= 0);
        driver.Publish();
        if (transmit)
        {
            guest.Port.Pairs[0].Tx.Wake();
            _thread.Run(() => { });
            _thread.Run(() => { });
        }
        else
        {
            Assert.Equal(1, guest.Port.Pairs[0].Rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, null));
        }

        Assert.Equal(1, Ring(guest, transmit).Counters.Chains);
    }

    private static int CountDescriptors() => Directory.GetFiles("/proc/self/fd").Length;

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "PolicyChanged")]
    private static extern ref Action? PolicyChanged(IoThread thread);
}
