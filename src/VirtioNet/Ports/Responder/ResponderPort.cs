using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// A port that answers by itself: ARP, ICMP and ICMPv6 echo, in fragments too, and neighbour solicitations for its addresses, and DHCPv4. For try-outs, and to
/// see whether a guest's network works at all. Whatever it does not answer it swallows.
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
    /// <param name="clock">What leases and fragments are measured by; null for the monotonic clock.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public ResponderPort(string name, ResponderOptions options, AioContext context, AioClock? clock = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _engine = new ResponderEngine(options, clock ?? AioClock.Monotonic);
        _outlet = new FrameOutlet(this, context, QueueBytes);
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

    /// <summary>The answers that were given leave before this returns; only guests ask, and they are held before.</summary>
    public override void Hold() => _outlet.Drain();

    /// <inheritdoc/>
    public override PortState Save()
    {
        _outlet.Ring.Lock.Enter();
        var state = new PortState { Leases = _engine.Leases?.Save() ?? [] };
        _outlet.Ring.Lock.Exit();
        return state;
    }

    /// <inheritdoc/>
    public override void Restore(PortState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _engine.Leases?.Restore(state.Leases);
    }

    /// <inheritdoc/>
    public override void Start() => _outlet.Kick();

    /// <summary>Half of a packet is the guest's who sent it. Leases end by their own time, as the addresses are in use until then.</summary>
    public override void GuestReplaced()
    {
        _outlet.Ring.Lock.Enter();
        _engine.Fragments.Clear();
        _outlet.Ring.Lock.Exit();
    }

    /// <inheritdoc/>
    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        egress.Add(_engine.Fragments.Counters);
    }

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
            EgressCounters.Drop(DropReason.TooLong);
            return false;
        }

        EgressCounters.Frames++;
        EgressCounters.Bytes += length;
        if (!_outlet.Ring.TryReserve(Math.Max((int)length, ResponderEngine.ReplyRoom), out Span<byte> room))
        {
            IngressCounters.Drop(DropReason.NoBuffers);
            return false;
        }

        burst.CopyTo(frame, 0, room[..(int)length]);
        int reply = _engine.Answer(room, (int)length);
        if (reply == 0)
        {
            return AnswerInFragments();
        }

        _outlet.Ring.Commit(default, reply);
        return true;
    }

    private bool AnswerInFragments()
    {
        bool answered = false;
        while (_engine.Fragments.NextRoom is > 0 and int needed)
        {
            if (!_outlet.Ring.TryReserve(needed, out Span<byte> room))
            {
                // Without one of its pieces the rest is of no use.
                IngressCounters.Drop(DropReason.NoBuffers);
                _engine.Fragments.Abandon();
                break;
            }

            _outlet.Ring.Commit(default, _engine.Fragments.Take(room));
            answered = true;
        }

        return answered;
    }
}
