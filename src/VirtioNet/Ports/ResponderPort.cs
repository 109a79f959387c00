using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.VirtioNet.Ports;

/// <summary>
/// A port that answers by itself: ARP, ICMP and ICMPv6 echo and neighbour solicitations for its addresses, and DHCPv4. For try-outs, and to see whether a guest's
/// network works at all. Whatever it does not answer it swallows.
/// </summary>
public sealed class ResponderPort : Port
{
    private const int QueueBytes = 1 << 20;
    private const int FrameMax = 65535 + 18;

    private readonly ResponderEngine _engine;
    private readonly FrameOutlet _outlet;

    /// <summary>Creates the port.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">What it answers for.</param>
    /// <param name="context">Where the answers are forwarded; polled until the port is disposed.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public ResponderPort(string name, ResponderOptions options, AioContext context)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _engine = new ResponderEngine(options);
        _outlet = new FrameOutlet(this, context, QueueBytes, Forward);
    }

    /// <summary>What the port answers for.</summary>
    public ResponderOptions Options { get; }

    /// <inheritdoc/>
    public override string Kind => "responder";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        bool answered = false;

        // The lock also guards the engine and the counters. Answers leave from the context: the caller holds its ring's lock, which a receiver may need.
        _outlet.Ring.Lock.Enter();
        foreach (ushort frame in frames)
        {
            answered |= Answer(burst, frame);
        }

        _outlet.Ring.Lock.Exit();
        if (answered)
        {
            _outlet.Kick();
        }

        return frames.Length;
    }

    /// <inheritdoc/>
    public override void Start() => _outlet.Kick();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _outlet.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool Answer(FrameBurst burst, int frame)
    {
        uint length = burst[frame].TotalLength;
        if (burst[frame].IsMalformed)
        {
            return false;
        }

        if (length > FrameMax)
        {
            Sent.Drop(DropReason.TooLong);
            return false;
        }

        Sent.Frames++;
        Sent.Bytes += length;
        if (!_outlet.Ring.TryReserve(Math.Max((int)length, ResponderEngine.ReplyRoom), out Span<byte> room))
        {
            Received.Drop(DropReason.NoBuffers);
            return false;
        }

        burst.CopyTo(frame, 0, room[..(int)length]);
        int reply = _engine.Answer(room, (int)length);
        if (reply == 0)
        {
            return false;
        }

        _outlet.Ring.Commit(default, reply);
        return true;
    }
}
