using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class OffloadFinisherDeliverTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly OffloadFinisher _finisher = new();
    private readonly AioContext _context = new();
    private readonly FakePort _port = new("to");
    private FrameCounters _drops;

    public void Dispose()
    {
        _context.Dispose();
        _finisher.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void WhatPassesGoesThroughUntouched()
    {
        FrameBuilder udp = new() { Payload = new byte[100] };
        _memory.Add(default, udp.Finished());
        _memory.Add(default, udp.Finished());
        Assert.Equal(2, Deliver(null));
        Assert.Equal(1, _port.Deliveries);
    }

    [Fact]
    public void AFullReceiverTakesTheRestLaterWithoutRepeats()
    {
        FrameBuilder udp = new() { Payload = new byte[100] };
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[8000] };
        new Random(5).NextBytes(tcp.Payload);
        using var context = _context;
        BottomHalf waiter = context.CreateBottomHalf(() => { }, "waiter");
        _memory.Add(default, udp.Finished());
        _memory.Add(tcp.Header(1000), tcp.Partial());
        _memory.Add(default, udp.Finished());

        _port.Room = 4;
        Assert.Equal(1, Deliver(waiter));

        // The source comes again with what was not done: its first frame is the one that was cut.
        _memory.Clear();
        _memory.Add(default, udp.Finished());
        _memory.Add(tcp.Header(1000), tcp.Partial());
        _memory.Add(default, udp.Finished());
        _port.Room = 2;
        Assert.Equal(0, _finisher.Deliver(_port, _port.Accepts, _memory.Burst, [1, 2], 0, waiter, ref _drops));
        _port.Room = int.MaxValue;
        Assert.Equal(2, _finisher.Deliver(_port, _port.Accepts, _memory.Burst, [1, 2], 0, waiter, ref _drops));

        byte[][] expected = [udp.Finished(), .. SlowOffload.Segment(tcp, 1000), udp.Finished()];
        Assert.Equal(expected, _port.Frames.Select(f => f.Frame));
        Assert.Equal(0, _drops.DroppedTotal);
    }

    [Fact]
    public void WithoutAWaiterEverythingIsDone()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[8000] };
        _memory.Add(tcp.Header(1000), tcp.Partial());
        _port.Room = 3;
        Assert.Equal(1, Deliver(null));
        Assert.Equal(5, _port.Sent.Drops[(int)DropReason.NoBuffers]);
    }

    private int Deliver(BottomHalf? waiter) => _finisher.Deliver(_port, _port.Accepts, _memory.Burst, _memory.Burst.AllFrames, 0, waiter, ref _drops);
}
