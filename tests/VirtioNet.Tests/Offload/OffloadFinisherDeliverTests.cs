using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
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
        Assert.Equal(5, _port.EgressCounters.Drops[(int)DropReason.NoBuffers]);
    }

    /// <summary>More than a turn's work: a sender that can wait is scheduled and comes again with the rest, and nothing is lost or repeated.</summary>
    [Fact]
    public void ASpentTurnIsGoneOnWithLater()
    {
        int turns = 0;
        BottomHalf waiter = _context.CreateBottomHalf(() => turns++, "waiter");
        FrameBuilder[] frames = [.. Enumerable.Range(0, 100).Select(i => new FrameBuilder { Tcp = true, Payload = new byte[60_000 + i], Identification = (ushort)i })];
        Load(frames);
        int done = 0;
        while (done < frames.Length)
        {
            ushort[] rest = [.. Enumerable.Range(done, frames.Length - done).Select(i => (ushort)i)];
            _memory.Burst.Budget = TurnBudget.Full;
            int now = _finisher.Deliver(_port, _port.Accepts, _memory.Burst, rest, 0, waiter, ref _drops);
            Assert.InRange(_memory.Burst.Budget.Spent, 0, TurnBudget.Turn + TurnBudget.StepMax);
            done += now;
            int before = turns;
            _context.Poll(false);
            Assert.Equal(done < frames.Length ? before + 1 : before, turns);
        }

        Assert.InRange(turns, 1, 20);
        Assert.Equal(0, _drops.DroppedTotal);
        Assert.Equal(frames.SelectMany(f => SlowOffload.Segment(f, 1000)), _port.Frames.Select(f => f.Frame));
    }

    [Fact]
    public void ASpentTurnIsADropOfItsOwnForASenderThatCannotWait()
    {
        FrameBuilder[] frames = [.. Enumerable.Range(0, 200).Select(i => new FrameBuilder { Tcp = true, Payload = new byte[30_000] })];
        _port.KeepsFrames = false;
        Load(frames);
        _memory.Burst.Budget = new TurnBudget(100_000);
        Assert.Equal(frames.Length, Deliver(null));
        Assert.InRange(_memory.Burst.Budget.Left, -TurnBudget.StepMax, 0);
        long lost = _drops.Drops[(int)DropReason.Budget];
        Assert.Equal(lost, _drops.DroppedTotal);
        Assert.InRange(lost, 100, frames.Length - 1);
        Assert.InRange(_port.EgressCounters.Frames, (frames.Length - lost) * 30, (frames.Length - lost + 1) * 30);
    }

    private void Load(FrameBuilder[] frames)
    {
        _memory.Clear();
        foreach (FrameBuilder frame in frames)
        {
            _memory.Add(frame.Header(1000), frame.Partial());
        }
    }

    private int Deliver(BottomHalf? waiter) => _finisher.Deliver(_port, _port.Accepts, _memory.Burst, _memory.Burst.AllFrames, 0, waiter, ref _drops);
}
