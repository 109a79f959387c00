using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>The other end of a wire in a test: keeps what it is given, as far as it has room, and sends what the test wants.</summary>
internal sealed class CollectorPort : Port
{
    private readonly FrameBurst _burst = new();
    private BottomHalf? _waiter;
    private Offloads _accepts;
    private bool _isUp = true;

    private CollectorPort(Offloads accepts)
        : base("collector") => _accepts = accepts;

    public List<byte[]> Frames { get; } = [];

    public List<VirtioNetHeader> Headers { get; } = [];

    public List<int> Queues { get; } = [];

    /// <summary>How many frames it still takes before it holds the sender back.</summary>
    public int Room { get; set; } = int.MaxValue;

    public bool HasWaiter => _waiter is not null;

    public int Deliveries { get; private set; }

    /// <summary>What the other side takes, as the network said last.</summary>
    public Offloads PeerAccepts { get; private set; }

    /// <summary>How often it was told that another guest came.</summary>
    public int Replacements { get; private set; }

    /// <summary>Whether it stands for a guest.</summary>
    public bool IsGuest { get; set; }

    public override bool EndsInGuest => IsGuest;

    public override string Kind => "collector";

    public override Offloads Accepts => _accepts;

    public override bool IsUp => _isUp;

    /// <summary>A collector that a network is to join.</summary>
    public static CollectorPort Create(bool up = true) => new(Offloads.All) { _isUp = up };

    /// <summary>Joins a port with a new collector by a wire.</summary>
    public static CollectorPort Join(Port port, Offloads accepts = Offloads.All, bool up = true)
    {
        var collector = new CollectorPort(accepts) { _isUp = up };
        var wire = new WireNetwork("wire");
        wire.Attach(collector);
        wire.Attach(port);
        return collector;
    }

    /// <summary>A collector that is joined to nothing yet.</summary>
    public static CollectorPort Alone() => new(Offloads.All);

    public void SetState(bool up, Offloads accepts)
    {
        _isUp = up;
        _accepts = accepts;
        Network!.PortChanged(this);
    }

    /// <summary>Makes room, and wakes a sender that waits.</summary>
    public void MakeRoom(int frames)
    {
        Room = frames;
        BottomHalf? waiter = _waiter;
        _waiter = null;
        waiter?.Schedule();
    }

    public unsafe int Send(VirtioNetHeader header, byte[] frame, int queue = 0, BottomHalf? waiter = null)
    {
        fixed (byte* p = frame)
        {
            _burst.Clear();
            Assert.True(_burst.TryAdd(header, (nint)p, (uint)frame.Length));
            _burst.Unfinished = header.IsPlain ? Offloads.None : Offloads.All;
            return Forward(_burst, queue, waiter);
        }
    }

    /// <summary>Sends frames in one burst; each is cut into pieces of at most <paramref name="piece"/> bytes.</summary>
    public unsafe int Send(IReadOnlyList<byte[]> frames, int piece = int.MaxValue, int queue = 0, BottomHalf? waiter = null, VirtioNetHeader header = default)
    {
        var pins = frames.Select(f => System.Runtime.InteropServices.GCHandle.Alloc(f, System.Runtime.InteropServices.GCHandleType.Pinned)).ToList();
        try
        {
            _burst.Clear();
            for (int i = 0; i < frames.Count; i++)
            {
                var segments = new List<VhostUser.Virtqueues.GuestSegment>();
                for (int at = 0; at < frames[i].Length; at += Math.Min(piece, frames[i].Length))
                {
                    segments.Add(new(pins[i].AddrOfPinnedObject() + at, (uint)Math.Min(piece, frames[i].Length - at)));
                }

                Assert.True(segments.Count == 1
                    ? _burst.TryAdd(header, segments[0].Address, segments[0].Length)
                    : _burst.TryAdd(header, segments.ToArray()));
            }

            _burst.Unfinished = header.IsPlain ? Offloads.None : Offloads.All;
            return Forward(_burst, queue, waiter);
        }
        finally
        {
            pins.ForEach(p => p.Free());
        }
    }

    public override void PeersAcceptChanged(Offloads accepted) => PeerAccepts = accepted;

    public override void GuestReplaced() => Replacements++;

    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        Deliveries++;
        int taken = 0;
        while (taken < frames.Length && Room > 0)
        {
            ushort index = frames[taken++];
            byte[] frame = new byte[burst[index].TotalLength];
            Assert.Equal(frame.Length, burst.CopyTo(index, 0, frame));
            Frames.Add(frame);
            Headers.Add(burst.Header(index));
            Queues.Add(queue);
            Room--;
        }

        if (taken < frames.Length && waiter is null)
        {
            EgressCounters.Drop(DropReason.NoBuffers, frames.Length - taken);
            return frames.Length;
        }

        if (taken < frames.Length)
        {
            _waiter = waiter;
        }

        return taken;
    }

    protected override void Dispose(bool disposing)
    {
        _burst.Dispose();
        base.Dispose(disposing);
    }
}
