using System.Buffers.Binary;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Generator;
using VhostNet.VirtioNet.Ports.Null;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class GeneratorPortTests : IDisposable
{
    private readonly TestLoop _loop = new();

    public void Dispose() => _loop.Dispose();

    [Theory]
    [InlineData(60)]
    [InlineData(64)]
    [InlineData(1518)]
    [InlineData(9018)]
    public void SendsNumberedFramesWithRightChecksums(int size)
    {
        using var port = new GeneratorPort("gen", new GeneratorOptions { FrameSize = size, Count = 1000 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        _loop.Drain();
        Assert.Equal(1000, receiver.Frames.Count);
        Assert.Equal(1000, port.IngressCounters.Frames);
        Assert.Equal(1000L * size, port.IngressCounters.Bytes);
        for (int i = 0; i < receiver.Frames.Count; i++)
        {
            Assert.Equal(size, receiver.Frames[i].Length);
            Assert.Equal((ulong)i, BinaryPrimitives.ReadUInt64BigEndian(receiver.Frames[i].AsSpan(42)));
            Craft.AssertIPv4(receiver.Frames[i]);
        }
    }

    [Fact]
    public void AReceiverWithoutRoomHoldsItBackAndLosesNothing()
    {
        using var port = new GeneratorPort("gen", new GeneratorOptions { Count = 2000 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(port);
        receiver.Room = 0;
        port.Start();
        for (int room = 1; receiver.Frames.Count < 2000; room = (room * 3) + 1)
        {
            _loop.Drain();
            Assert.True(receiver.HasWaiter);
            receiver.MakeRoom(room);
            _loop.Drain();
        }

        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (ulong)i), receiver.Frames.Select(f => BinaryPrimitives.ReadUInt64BigEndian(f.AsSpan(42))));
        Assert.Equal(0, port.IngressCounters.DroppedTotal);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1_000_000)]
    [InlineData(7)]
    public void KeepsTheRate(long rate)
    {
        AioClock clock = AioClock.CreateVirtual(5);
        using var port = new GeneratorPort("gen", new GeneratorOptions { Rate = rate }, _loop.Context, clock);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        _loop.Drain();
        long steps = 2000;
        for (long i = 0; i < steps; i++)
        {
            clock.Advance(1_000_000);
            _loop.Drain();
        }

        Assert.InRange(receiver.Frames.Count, (rate * 2) - 1, (rate * 2) + 1);
    }

    [Fact]
    public void CatchesUpNoMoreThanTenMilliseconds()
    {
        AioClock clock = AioClock.CreateVirtual();
        using var port = new GeneratorPort("gen", new GeneratorOptions { Rate = 10_000 }, _loop.Context, clock);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        _loop.Drain();
        clock.Advance(1_000_000_000);
        _loop.Drain();
        Assert.Equal(100, receiver.Frames.Count);
    }

    [Fact]
    public void WaitsForAReceiver()
    {
        using var port = new GeneratorPort("gen", new GeneratorOptions { Count = 10 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(port, up: false);
        port.Start();
        _loop.Drain();
        Assert.Equal(0, receiver.Deliveries);
        receiver.SetState(true, Offloads.All);
        _loop.Drain();
        Assert.Equal(10, receiver.Frames.Count);
    }

    [Fact]
    public void AllocatesNothingOnceItRuns()
    {
        using var port = new GeneratorPort("gen", new GeneratorOptions(), _loop.Context);
        using var sink = new NullPort("null");
        var wire = new Networks.WireNetwork("wire");
        wire.Attach(port);
        wire.Attach(sink);
        port.Start();
        for (int i = 0; i < 1000; i++)
        {
            _loop.Context.Poll(false);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _loop.Context.Poll(false);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(port.IngressCounters.Frames, sink.EgressCounters.Frames);
        Assert.True(sink.EgressCounters.Frames > 100_000);
    }

    [Theory]
    [InlineData(59, 0, "59")]
    [InlineData(65536, 0, "65536")]
    [InlineData(64, -1, "-1")]
    public void RefusesWhatMakesNoSense(int size, long rate, string named)
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => new GeneratorPort("gen", new GeneratorOptions { FrameSize = size, Rate = rate }, _loop.Context));
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NullSwallowsAndCounts()
    {
        using var port = new NullPort("null");
        using CollectorPort sender = CollectorPort.Join(port);
        Assert.Equal(3, sender.Send([new byte[60], new byte[100], new byte[1000]], piece: 64));
        Assert.Equal(3, port.EgressCounters.Frames);
        Assert.Equal(1160, port.EgressCounters.Bytes);
    }
}
