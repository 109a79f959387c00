using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Two ports back to back: what comes in by one goes out by the other, without a look at the frames. A receiver without buffers holds its sender back.
/// </summary>
public sealed class WireNetwork(string name) : Network(name)
{
    private Port[] _ends = [];

    /// <inheritdoc/>
    public override string Kind => "wire";

    /// <inheritdoc/>
    public override IReadOnlyList<Port> Ports => Volatile.Read(ref _ends);

    /// <inheritdoc/>
    public override void Attach(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        if (_ends.Length == 2)
        {
            throw new InvalidOperationException($"Wire {Name} joins {_ends[0].Name} and {_ends[1].Name} already; a wire has two ends, a switch takes more.");
        }

        Volatile.Write(ref _ends, [.. _ends, port]);
        port.Network = this;
        TellPeers();
    }

    /// <inheritdoc/>
    public override void Detach(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        Port[] before = _ends;
        port.Network = null;
        Volatile.Write(ref _ends, [.. before.Where(p => p != port)]);
        WaitForDataThreads(before);
        TellPeers();
    }

    /// <inheritdoc/>
    public override int Forward(Ingress source, FrameBurst burst, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(burst);
        if (Peer(source.Port) is { } peer)
        {
            BeginTurn(burst, waiter);
            return EndTurn(burst, peer.Egress.Deliver(source, burst, burst.AllFrames, waiter), waiter);
        }

        source.Port.IngressCounters.Drop(DropReason.NoReceiver, burst.Count);
        return burst.Count;
    }

    /// <inheritdoc/>
    public override RxQueue? DirectReceiver(Port source, int queue)
    {
        // Limits count frames and captures copy them, which nobody sees on the direct way.
        return Peer(source) is { EgressLimiter: null, Capture: null } peer && source is { IngressLimiter: null, Capture: null }
            ? peer.DirectReceiver(queue)
            : null;
    }

    /// <inheritdoc/>
    public override void PortChanged(Port port) => TellPeers();

    /// <inheritdoc/>
    public override void GuestReplaced(Port port) => Peer(port)?.GuestReplaced();

    private Port? Peer(Port source)
    {
        ArgumentNullException.ThrowIfNull(source);
        Port[] ends = Volatile.Read(ref _ends);
        return ends.Length != 2 ? null : ReferenceEquals(ends[0], source) ? ends[1] : ends[0];
    }

    private void TellPeers()
    {
        if (_ends.Length == 2)
        {
            _ends[0].PeersAcceptChanged(_ends[1].Accepts);
            _ends[1].PeersAcceptChanged(_ends[0].Accepts);
        }
    }
}
