using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Links;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.AfPacket;

/// <summary>
/// Any Ethernet interface of the host as a port, by packet sockets: what the interface receives comes in, what is delivered is sent by it. The host itself goes
/// on using the interface; frames between it and this port do not pass.
/// </summary>
public sealed class AfPacketPort : Port
{
    /// <summary>sizeof(struct virtio_net_hdr), which is what PACKET_VNET_HDR puts before a frame.</summary>
    private const int HeaderSize = VirtioNetHeader.LegacySize;

    private readonly FileDescriptor[] _sockets;
    private readonly MessageQueue[] _queues;
    private readonly LinkFollower? _follower;
    private int _index;
    private long _renewedNs;
    private volatile bool _isGone;

    /// <summary>Opens the interface.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Which interface, and how.</param>
    /// <param name="contexts">Where its queues are read, dealt out in turn; polled until the port is disposed.</param>
    /// <param name="links">Tells when the interface goes and comes back; null to do without. Then the port is made on the thread of its context.</param>
    /// <param name="control">The context of <paramref name="links"/>.</param>
    /// <exception cref="PortException">The interface can't be had; the message says why and what would help.</exception>
    /// <param name="inherited">The sockets as another process handed them over; null to open some.</param>
    /// <exception cref="InvalidDataException">What was handed over are no packet sockets.</exception>
    public AfPacketPort(
        string name, AfPacketOptions options, IReadOnlyList<AioContext> contexts, LinkWatcher? links = null, AioContext? control = null,
        PortState? inherited = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(contexts);
        ArgumentOutOfRangeException.ThrowIfZero(contexts.Count);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        HoldTime = options.Hold;
        _sockets = inherited is null ? PacketSockets.Open(options, out _index) : [.. inherited.RequireSockets($"af-packet {options.Interface}", AF_PACKET)];
        _index = inherited?.InterfaceIndex ?? _index;
        _queues = new MessageQueue[_sockets.Length];
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new MessageQueue(this, i, _sockets[i].Value, HeaderSize, true, contexts[i % contexts.Count]);
        }

        if (inherited is not null)
        {
            Restore(inherited);
        }

        ControlContext = control;
        if (links is not null && control is not null)
        {
            _follower = new LinkFollower(this, links, control, l => l.Name == Options.Interface || l.Index == _index, () => Look(links));
        }
    }

    /// <summary>What the port was made from.</summary>
    public AfPacketOptions Options { get; }

    /// <inheritdoc/>
    public override string Kind => "af-packet";

    /// <inheritdoc/>
    public override Offloads Accepts => Options.Offloads ? Offloads.All & ~(Offloads.Uso4 | Offloads.Uso6) : Offloads.None;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        return _queues[queue % _queues.Length].Deliver(burst, frames, waiter);
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted)
    {
        foreach (MessageQueue queue in _queues)
        {
            queue.Wake();
        }
    }

    /// <inheritdoc/>
    public override void GuestReplaced() => _queues.Flush();

    /// <inheritdoc/>
    public override void Hold() => _queues.Hold();

    /// <inheritdoc/>
    public override void LetGo() => _queues.LetGo();

    /// <inheritdoc/>
    public override PortState Save() => new()
    {
        Descriptors = [.. _sockets.Select(s => s.Duplicate())],
        Held = [.. _queues.SelectMany(q => q.HeldFrames)],
        InterfaceIndex = _index,
    };

    /// <inheritdoc/>
    public override void Restore(PortState state) => _queues.Restore(state);

    /// <inheritdoc/>
    public override void Start()
    {
        foreach (MessageQueue queue in _queues)
        {
            queue.Wake(start: true);
        }
    }

    /// <inheritdoc/>
    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        foreach (MessageQueue queue in _queues)
        {
            ingress.Add(queue.IngressCounters);
            egress.Add(queue.EgressCounters);
        }
    }

    /// <inheritdoc/>
    internal override void CallGone(CallKind call, Errno why)
    {
        _isGone = true;
        SetDown($"interface {Options.Interface} was removed ({call}: {why})");
        _follower?.LookSoon();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _follower?.Dispose();
            foreach (MessageQueue queue in _queues)
            {
                queue.Dispose();
            }

            foreach (FileDescriptor fd in _sockets)
            {
                fd.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    /// <summary>Binds to the interface anew when it was made anew; says why the port is down, or null. Control thread.</summary>
    private string? Look(LinkWatcher links)
    {
        string name = Options.Interface;

        // One that was given another name is still ours, unless another has this one now.
        Link? link = links.Find(name) ?? links.Find(_index);
        if (link is null)
        {
            return $"interface {name} was removed; the port goes on when it is made anew";
        }

        if (link.Value.Index != _index || _isGone)
        {
            SetDown($"interface {name} was removed and made anew");
            Renew(links);
        }

        return link.Value.IsUp ? null : $"interface {name} is down; 'ip link set {name} up' brings it up";
    }

    private void Renew(LinkWatcher links)
    {
        long now = RevivalClock.NowNs;
        if (_isGone && _renewedNs != 0 && now - _renewedNs < RevivalMinNs)
        {
            throw new PortException($"interface {Options.Interface}: its sockets failed again at once; the port tries again later");
        }

        _renewedNs = now;
        FileDescriptor[] sockets = PacketSockets.Open(Options, out int index);
        _isGone = false;
        for (int i = 0; i < sockets.Length; i++)
        {
            _queues[i].Replace(sockets[i]);
        }

        _index = index;
        links.ListAnew();
    }
}
