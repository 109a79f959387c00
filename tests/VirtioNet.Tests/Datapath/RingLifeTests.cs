using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.TestKit;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// Steps the queues through the one interleaving that matters for a ring's life: a member has read which ring there is, and before it gets the lock the control
/// thread stops the queue and frees the ring. Freed memory is fenced, so that a use of it ends this process.
/// </summary>
[Collection(Alone.Name)]
public sealed class RingLifeTests
{
    private const ulong Split = VirtioFeatures.VERSION_1;
    private const ulong Packed = Split | VirtioFeatures.RING_PACKED;

    public static TheoryData<string, ulong> Transmit() => Rows(["run", "kick", "poll", "poll ready", "begin polling", "end polling", "interval"]);

    public static TheoryData<string, ulong> Receive() => Rows(["deliver", "deliver and wait", "read", "kick", "poll ready"]);

    [Theory]
    [MemberData(nameof(Transmit))]
    public void ATransmitQueueLooksAgainOnceItHasTheLock(string member, ulong features)
    {
        using var rig = new Rig(features, transmit: true);
        TxQueue tx = rig.Guest.Port.Pairs[0].Tx;
        rig.StopBeforeTheLockIsTaken();
        switch (member)
        {
            case "run": tx.Run(); break;
            case "kick": tx.Calls.Kicked(); break;
            case "poll": Assert.False(tx.Calls.Poll()); break;
            case "poll ready": tx.Calls.PollReady(); break;
            case "begin polling": tx.Calls.BeginPolling!(); break;
            case "end polling": tx.Calls.EndPolling!(); break;
            default: tx.Calls.Interval(); break;
        }

        rig.AssertUntouched();
        Assert.Equal(0, tx.Counters.Frames);
    }

    [Theory]
    [MemberData(nameof(Receive))]
    public void AReceiveQueueLooksAgainOnceItHasTheLock(string member, ulong features)
    {
        using var memory = new BurstMemory();
        using var context = new AioContext();
        using var rig = new Rig(features, transmit: false);
        memory.Add(default, new byte[100]);
        RxQueue rx = rig.Guest.Port.Pairs[0].Rx;
        BottomHalf waiter = context.CreateBottomHalf(() => { }, "waiter");
        var reader = default(NoFrames);
        rig.StopBeforeTheLockIsTaken();
        switch (member)
        {
            case "deliver": Assert.Equal(1, rx.Deliver(memory.Burst, memory.Burst.AllFrames, null)); break;
            case "deliver and wait": Assert.Equal(1, rx.Deliver(memory.Burst, memory.Burst.AllFrames, waiter)); break;
            case "read": Assert.Equal(ReceiveResult.NotRunning, rx.ReceiveDirect(ref reader, 16, waiter, out _)); break;
            case "kick": rx.Calls.Kicked(); break;
            default: rx.Calls.PollReady(); break;
        }

        rig.AssertUntouched();
        Assert.Equal(0, rx.Counters.Frames);
    }

    /// <summary>The same with a ring that goes on to live: it was given back to the session, which may give it to somebody else.</summary>
    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    public void AQueueThatWasStoppedLeavesALivingRingAlone(ulong features)
    {
        using var rig = new Rig(features, transmit: true);
        TxQueue tx = rig.Guest.Port.Pairs[0].Tx;
        long polls = rig.Ring.Counters.Polls;
        rig.Ring.Lock.StepBeforeNextEnter = tx.Stop;
        tx.Run();
        Assert.Null(tx.Ring);
        Assert.Equal(polls, rig.Ring.Counters.Polls);
        Assert.True(rig.Ring.HasAvailable);
    }

    private static TheoryData<string, ulong> Rows(string[] members)
    {
        var data = new TheoryData<string, ulong>();
        foreach (string member in members)
        {
            data.Add(member, Split);
            data.Add(member, Packed);
        }

        return data;
    }

    private struct NoFrames : IFrameReader
    {
        public readonly int FrameSizeMax => 1514;

        public readonly int Read(nint segments, int count) => throw new InvalidOperationException("A stopped queue reads nothing.");

        public readonly GuestSegment Overflow(uint offset) => default;

        public readonly void SetAside(in VirtioNetHeader header, nint segments, int count, uint length) => Assert.Fail("Every frame fits.");
    }

    /// <summary>A guest whose queue runs on a thread that sleeps, with something in the ring.</summary>
    private sealed class Rig : IDisposable
    {
        private readonly FencedRingAllocator _fences = FencedRingAllocator.Install();
        private readonly IoThread _thread = new(new IoThreadOptions { Name = "life", Policy = PollPolicy.Interrupt });
        private readonly bool _transmit;
        private long _kicks;

        public Rig(ulong features, bool transmit)
        {
            _thread.Start();
            _transmit = transmit;
            Guest = new GuestRig("guest", features, _thread);
            Guest.Start();

            // Twice: what the start scheduled runs in the first, what that scheduled in the second.
            _thread.Run(() => { });
            _thread.Run(() => { });
            Ring = transmit ? Guest.TxDevice : Guest.RxDevice;
            var driver = transmit ? Guest.Tx : Guest.Rx;
            Assert.True(driver.Add([new(Guest.Memory.Allocate(2048), 1024, !transmit)]) >= 0);
            driver.Publish();
        }

        public GuestRig Guest { get; }

        public Virtqueue Ring { get; }

        public void StopBeforeTheLockIsTaken()
        {
            _kicks = Ring.Counters.Kicks;
            Ring.Lock.StepBeforeNextEnter = () =>
            {
                Guest.Port.Device.StopQueue(Ring);
                Ring.Dispose();
            };
        }

        public void AssertUntouched()
        {
            Assert.True(Ring.IsDisposed);
            Assert.Null(Ring.Lock.StepBeforeNextEnter);
            Assert.Null(_transmit ? Guest.Port.Pairs[0].Tx.Ring : Guest.Port.Pairs[0].Rx.Ring);
            Assert.Equal(0, Ring.Counters.UsesAfterDispose);
            Assert.Equal(_kicks, Ring.Counters.Kicks);
            Assert.True(Ring.Lock.TryEnter(), "the lock was left taken");
            Ring.Lock.Exit();
        }

        public void Dispose()
        {
            Guest.Dispose();
            _thread.Dispose();
            _fences.Dispose();
        }
    }
}
