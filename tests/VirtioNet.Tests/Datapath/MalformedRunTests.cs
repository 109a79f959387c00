using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A ring with more malformed chains in a row than a driver could ever make is broken, once, and its front end is told.</summary>
public sealed class MalformedRunTests : IDisposable
{
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rings", Policy = PollPolicy.Interrupt });
    private GuestRig? _guest;
    private int _broken;

    public MalformedRunTests() => _thread.Start();

    public void Dispose()
    {
        _guest?.Dispose();
        _thread.Dispose();
    }

    [Theory]
    [InlineData(RingShape.WrongDirection, false)]
    [InlineData(RingShape.WrongDirection, true)]
    [InlineData(RingShape.EmptyTables, false)]
    [InlineData(RingShape.EmptyTables, true)]
    [InlineData(RingShape.EmptyLoop, false)]
    public void ATransmitRingBreaks(RingShape shape, bool packed)
    {
        GuestRig guest = Create(packed);
        guest.TxDevice.Broken = _ => _broken++;
        HostileRing.Fill(guest, guest.Tx, shape, write: false, new Random(1));
        _thread.Run(() =>
        {
            // Two turns, if walks are long, and the rounds off between them.
            for (int round = 0; round < 32; round++)
            {
                guest.Port.Pairs[0].Tx.Run();
            }
        });
        AssertBroken(guest.TxDevice);
        Assert.Equal(Virtqueue.MalformedRunMax, guest.Port.Pairs[0].Tx.Counters.Drops[(int)DropReason.MalformedChain]);
    }

    [Theory]
    [InlineData(RingShape.WrongDirection, false)]
    [InlineData(RingShape.WrongDirection, true)]
    [InlineData(RingShape.EmptyTables, false)]
    [InlineData(RingShape.EmptyTables, true)]
    [InlineData(RingShape.EmptyLoop, false)]
    [InlineData(RingShape.OneByteBuffers, false)]
    [InlineData(RingShape.OneByteBuffers, true)]
    public void AReceiveRingBreaks(RingShape shape, bool packed)
    {
        GuestRig guest = Create(packed);
        guest.RxDevice.Broken = _ => _broken++;
        HostileRing.Fill(guest, guest.Rx, shape, write: true, new Random(1));
        using var memory = new BurstMemory();
        memory.Add(default, new byte[100]);
        ref FrameCounters counters = ref guest.Port.Pairs[0].Rx.Counters;

        // Chains that take long to walk end a delivery before the ring breaks; it does in one that comes soon.
        do
        {
            Assert.Equal(1, guest.Port.Pairs[0].Rx.Deliver(memory.Burst, memory.Burst.AllFrames, null));
        }
        while (!guest.RxDevice.IsBroken && counters.DroppedTotal < 8);

        AssertBroken(guest.RxDevice);
        Assert.Equal(1, counters.Drops[(int)DropReason.NotRunning]);
        Assert.Equal(counters.DroppedTotal, 1 + counters.Drops[(int)DropReason.Budget]);
        Assert.False(guest.Port.Pairs[0].Rx.IsUp);
    }

    /// <summary>As many as are borne, with a good chain after them, over the whole ring: given back, never broken.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AsManyAsAreBorneDoNotBreakARing(bool packed)
    {
        GuestRig guest = Create(packed);
        guest.RxDevice.Broken = _ => _broken++;
        HostileRing.Fill(guest, guest.Rx, RingShape.BadThenGood, write: true, new Random(1));
        using var memory = new BurstMemory();
        memory.Add(default, new byte[100]);
        for (int i = 0; i < 14; i++)
        {
            Assert.Equal(1, guest.Port.Pairs[0].Rx.Deliver(memory.Burst, memory.Burst.AllFrames, null));
        }

        Assert.Equal(0, _broken);
        Assert.Equal(14, guest.Port.Pairs[0].Rx.Counters.Frames);
        Assert.InRange(guest.RxDevice.Counters.MalformedChains, 14 * Virtqueue.MalformedRunMax, 256);
    }

    private void AssertBroken(Virtqueue queue)
    {
        Assert.True(queue.IsBroken);
        Assert.Equal(ChainStatus.MalformedRun, queue.LastError);
        Assert.Equal(1, _broken);
        Assert.Equal(1, queue.Counters.BrokenByMalformed);
        Assert.InRange(queue.Counters.MalformedChains, Virtqueue.MalformedRunMax + 1, 256);
    }

    private GuestRig Create(bool packed)
    {
        _guest = new GuestRig("guest", VirtioFeatures.VERSION_1 | VirtioFeatures.INDIRECT_DESC | (packed ? VirtioFeatures.RING_PACKED : 0), _thread, 256);
        _guest.Start();
        return _guest;
    }
}
