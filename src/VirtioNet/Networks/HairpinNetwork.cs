using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Networks;

/// <summary>One port back to itself: every frame returns to its sender. For try-outs and measurements.</summary>
public sealed class HairpinNetwork(string name) : Network(name)
{
    private Port[] _ports = [];

    /// <inheritdoc/>
    public override string Kind => "hairpin";

    /// <inheritdoc/>
    public override IReadOnlyList<Port> Ports => _ports;

    /// <inheritdoc/>
    public override void Attach(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        if (_ports.Length == 1)
        {
            throw new InvalidOperationException($"Hairpin {Name} has its port, {_ports[0].Name}, already; a hairpin takes one.");
        }

        _ports = [port];
        port.Network = this;
        PortChanged(port);
    }

    /// <inheritdoc/>
    public override void Detach(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        port.Network = null;
        _ports = [];
        WaitForDataThreads([port]);
    }

    /// <inheritdoc/>
    public override int Forward(Ingress source, FrameBurst burst, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(burst);
        BeginTurn(burst, waiter);
        return EndTurn(burst, source.Port.Egress.Deliver(source, burst, burst.AllFrames, waiter), waiter);
    }

    /// <inheritdoc/>
    public override RxQueue? DirectReceiver(Port source, int queue) =>
        source is { EgressLimiter: null, IngressLimiter: null, Capture: null } ? source.DirectReceiver(queue) : null;

    /// <inheritdoc/>
    public override void PortChanged(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        port.PeersAcceptChanged(port.Accepts);
    }
}
