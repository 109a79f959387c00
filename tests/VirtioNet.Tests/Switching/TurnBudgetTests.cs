using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Switching;

/// <summary>What a network does in one turn is bounded, whatever the frames and however many receivers; nothing is lost, doubled or left lying by that.</summary>
public sealed class TurnBudgetTests : IDisposable
{
    /// <summary>The step that a turn may end with: one frame for one receiver, or a round of 64 segments of one.</summary>
    private const int LastStep = (64 * TurnBudget.CopyCost) + (2 * 65_536 / TurnBudget.BytesPerUnit);

    private readonly BurstMemory _memory = new(40 << 20);
    private readonly AioContext _context = new();
    private readonly BottomHalf _waiter;
    private readonly List<FakePort> _ports = [];
    private int _woken;
    private int _turns;

    public TurnBudgetTests()
    {
        _context.BindToCurrentThread();
        _waiter = _context.CreateBottomHalf(() => _woken++, "waiter");
    }

    public void Dispose()
    {
        _ports.ForEach(p => p.Dispose());
        _context.Dispose();
        _memory.Dispose();
    }

    /// <summary>The trigger 4c: broadcasts of 64 KiB to receivers that take no segments. Frames end between receivers when one alone is too much.</summary>
    [Theory]
    [InlineData(8, 256, 1448, 22)]
    [InlineData(64, 12, 1448, 6)]
    [InlineData(256, 3, 1448, 3)]
    [InlineData(64, 2, 130, 5)]
    public void AFloodOfSegmentsEndsItsTurns(int receivers, int frames, int segment, int turnsMin)
    {
        using var net = new SwitchNetwork("sw");
        Join(net, receivers + 1);
        FrameBuilder tcp = Large();
        AddFrames(tcp.Header((ushort)segment), tcp.Partial(), frames);
        Run(_ports[0]);
        int each = (tcp.Payload.Length + segment - 1) / segment;
        Assert.All(_ports.Skip(1), p => Assert.Equal(frames * each, p.EgressCounters.Frames));
        Assert.InRange(_turns, turnsMin, int.MaxValue);
        AssertNothingDropped(net);
    }

    /// <summary>Each receiver gets each segment once and in order, also when turns end in the middle of a frame, and with tags, mirror and pinned addresses.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void NoSegmentIsLostOrDoubled(bool pinned, bool mirrored)
    {
        using var net = new SwitchNetwork("sw");
        FrameBuilder tcp = Large() with { Payload = RandomBytes(30_000) };
        Join(net, new SwitchPortOptions { Mode = SwitchVlanMode.Access, AccessVlan = 10, PinnedMacs = pinned ? [MacAddress.Read(tcp.Source)] : null }, keeps: false);
        for (int i = 0; i < 24; i++)
        {
            Join(net, i % 3 == 0 ? new() : new() { Mode = SwitchVlanMode.Access, AccessVlan = 10 }, keeps: true, i % 4 == 0 ? Offloads.All : Offloads.None);
        }

        if (mirrored)
        {
            Join(net, new SwitchPortOptions(), keeps: true);
            net.SetMirror(new SwitchMirror(_ports[^1], null, null));
        }

        AddFrames(tcp.Header(100), tcp.Partial(), 3);
        Run(_ports[0]);
        List<byte[]> bare = SlowOffload.Segment(tcp, 100), tagged = SlowOffload.Segment(tcp with { Tags = [(0x8100, 10)] }, 100);
        for (int i = 1; i < _ports.Count; i++)
        {
            bool takesWhole = _ports[i].Accepts != Offloads.None;
            bool isTagged = i <= 24 && (i - 1) % 3 == 0;
            List<byte[]> one = takesWhole ? [(isTagged ? tcp with { Tags = [(0x8100, 10)] } : tcp).Partial()] : isTagged ? tagged : bare;
            Assert.Equal([.. one, .. one, .. one], _ports[i].Take());
        }

        Assert.InRange(_turns, 2, int.MaxValue);
        AssertNothingDropped(net);
    }

    /// <summary>What was counted, learned or taken from a limit the first time is not a second time, when frames come again.</summary>
    [Fact]
    public void FramesThatComeAgainAreCountedOnce()
    {
        using var net = new SwitchNetwork("sw", clock: AioClock.CreateVirtual(1_000_000_000));
        FrameBuilder tcp = Large(), foreign = tcp with { Source = [2, 0, 0, 0, 0, 9] };
        Join(net, new SwitchPortOptions { PinnedMacs = [MacAddress.Read(tcp.Source)], Storm = new SwitchStormLimits { BroadcastPerSecond = 300 } });
        Join(net, 128);
        for (int i = 0; i < 3; i++)
        {
            _memory.Add(foreign.Header(1448), foreign.Partial());
            _memory.Add(tcp.Header(1448), tcp.Partial());
            _memory.Add(default, (tcp with { Tags = [(0x8100, 0), (0x8100, 5)], Payload = [] }).Finished());
        }

        Run(_ports[0]);
        int each = (tcp.Payload.Length + 1447) / 1448;
        Assert.All(_ports.Skip(1), p => Assert.Equal(3 * each, p.EgressCounters.Frames));
        _ports[0].ReadCounters(out FrameCounters received, out _);
        Assert.Equal((3, 3, 0), (received.Drops[(int)DropReason.Filtered], received.Drops[(int)DropReason.VlanTag], received.Drops[(int)DropReason.StormControl]));
        Assert.Equal(3, net.ReadPair(_ports[0], _ports[1]).Frames);
        Assert.InRange(_turns, 4, int.MaxValue);
    }

    /// <summary>Ports come and go while a frame has reached half of its receivers: nobody gets it twice, and the others get theirs.</summary>
    [Fact]
    public void PortsComeAndGoBetweenTurns()
    {
        using var net = new SwitchNetwork("sw");
        Join(net, 201);
        FrameBuilder tcp = Large();
        AddFrames(tcp.Header(1448), tcp.Partial(), 1);
        int each = (tcp.Payload.Length + 1447) / 1448;
        Assert.Equal(0, _ports[0].Send(_memory.Burst, waiter: _waiter));
        FakePort[] lack = [.. _ports.Skip(1).Where(p => p.EgressCounters.Frames == 0)];
        Assert.InRange(lack.Length, 10, 190);
        net.Detach(lack[^1]);
        net.Detach(_ports[1]);
        Join(net, 3);
        Run(_ports[0]);
        Assert.Equal(0, lack[^1].EgressCounters.Frames);
        Assert.All(_ports.Skip(1).Take(200).Where(p => p != lack[^1]), p => Assert.Equal(each, p.EgressCounters.Frames));
        Assert.All(_ports.Skip(201), p => Assert.InRange(p.EgressCounters.Frames, 0, each));
    }

    /// <summary>A source that comes back with other frames than those it left is not short of any.</summary>
    [Fact]
    public void AnotherBurstOwesNothingToTheLast()
    {
        using var net = new SwitchNetwork("sw");
        Join(net, 201);
        FrameBuilder tcp = Large();
        AddFrames(tcp.Header(1448), tcp.Partial(), 1);
        Assert.Equal(0, _ports[0].Send(_memory.Burst, waiter: _waiter));
        long[] before = [.. _ports.Select(p => p.EgressCounters.Frames)];
        _context.Poll(false);
        _memory.Clear();
        AddFrames(default, (tcp with { Payload = new byte[50] }).Finished(), 2);
        Run(_ports[0]);
        Assert.All(Enumerable.Range(1, 200), i => Assert.Equal(before[i] + 2, _ports[i].EgressCounters.Frames));
    }

    [Theory]
    [InlineData(true, 1448)]
    [InlineData(false, 1448)]
    [InlineData(true, 128)]
    [InlineData(false, 0)]
    public void AWireAndAHairpinEndTheirTurns(bool wire, int segment)
    {
        Network net = wire ? new WireNetwork("wire") : new HairpinNetwork("hairpin");
        Join(net, wire ? 2 : 1);
        FrameBuilder tcp = Large();
        int frames = segment == 128 ? 60 : 256;
        AddFrames(segment == 0 ? default : tcp.Header((ushort)segment), segment == 0 ? tcp.Finished() : tcp.Partial(), frames);
        Run(_ports[0]);
        int each = segment == 0 ? 1 : (tcp.Payload.Length + segment - 1) / segment;
        Assert.Equal(frames * each, _ports[^1].EgressCounters.Frames);
        Assert.InRange(_turns, 2, int.MaxValue);
        _ports.ForEach(net.Detach);
    }

    /// <summary>One flow to one receiver goes the fast way; it ends its turns too.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1448)]
    public void AFlowEndsItsTurns(int segment)
    {
        using var net = new SwitchNetwork("sw");
        Join(net, 2);
        FrameBuilder tcp = Large(), hello = new() { Source = [2, 0, 0, 0, 0, 5], Destination = tcp.Source };
        AddFrames(default, hello.Finished(), 1);
        Run(_ports[1]);
        tcp = tcp with { Destination = hello.Source };
        for (int round = 0; round < 3; round++)
        {
            _memory.Clear();
            AddFrames(segment == 0 ? default : tcp.Header((ushort)segment), segment == 0 ? tcp.Finished() : tcp.Partial(), 256);
            _turns = 0;
            Run(_ports[0]);
            Assert.InRange(_turns, 2, int.MaxValue);
        }

        Assert.Equal(3 * 256 * (segment == 0 ? 1 : (tcp.Payload.Length + 1447) / 1448), _ports[1].EgressCounters.Frames);
        Assert.Equal(3 * 256, net.ReadPair(_ports[0], _ports[1]).Frames);
    }

    /// <summary>Who can't come again is not cut short.</summary>
    [Fact]
    public void WithoutAWaiterAllIsDoneAtOnce()
    {
        using var net = new SwitchNetwork("sw");
        Join(net, 65);
        FrameBuilder tcp = Large();
        AddFrames(tcp.Header(1448), tcp.Partial(), 20);
        Assert.Equal(20, _ports[0].Send(_memory.Burst));
        Assert.All(_ports.Skip(1), p => Assert.Equal(20 * ((tcp.Payload.Length + 1447) / 1448), p.EgressCounters.Frames));
    }

    private static FrameBuilder Large() => new() { Tcp = true, Destination = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Payload = RandomBytes(65_000) };

    private static byte[] RandomBytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private void Join(Network net, int count)
    {
        for (int i = 0; i < count; i++)
        {
            var port = new FakePort($"p{_ports.Count}") { KeepsFrames = false };
            _ports.Add(port);
            net.Attach(port);
        }
    }

    private void Join(SwitchNetwork net, SwitchPortOptions options, bool keeps = false, Offloads accepts = Offloads.None)
    {
        var port = new FakePort($"p{_ports.Count}", accepts) { KeepsFrames = keeps };
        _ports.Add(port);
        net.Attach(port, options);
    }

    private void AddFrames(in VirtioNetHeader header, byte[] frame, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _memory.Add(header, frame);
        }
    }

    /// <summary>Sends what is in the memory as a transmit queue does, turn for turn, and checks what each turn took.</summary>
    private unsafe void Run(FakePort port)
    {
        FrameBurst rest = _memory.Burst;
        var frames = new Queue<(VirtioNetHeader Header, nint Address, uint Length)>();
        for (int i = 0; i < rest.Count; i++)
        {
            frames.Enqueue((rest.Header(i), rest[i].Address, rest[i].Length));
        }

        while (frames.Count > 0)
        {
            rest.Clear();
            foreach ((VirtioNetHeader header, nint address, uint length) in frames)
            {
                Assert.True(rest.TryAdd(header, address, length));
            }

            rest.Budget = TurnBudget.Full;
            _woken = 0;
            int done = port.Send(rest, waiter: _waiter);
            _turns++;
            Assert.InRange(rest.Budget.Spent, 0, TurnBudget.Turn + LastStep);
            _context.Poll(false);
            Assert.Equal(done < frames.Count, _woken > 0);
            for (int i = 0; i < done; i++)
            {
                frames.Dequeue();
            }
        }
    }

    private void AssertNothingDropped(SwitchNetwork net)
    {
        _ports[0].ReadCounters(out FrameCounters received, out _);
        Assert.Equal(0, received.DroppedTotal + _ports.Sum(p => p.EgressCounters.DroppedTotal));
        Assert.All(_ports.Skip(1).Where(p => net.Mirror?.Target != p), p => Assert.True(net.ReadPair(_ports[0], p).Frames > 0));
    }
}
