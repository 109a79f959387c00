using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Fuzz.Frames;

/// <summary>What a guest behind an <see cref="InterposedPort"/> takes for the network.</summary>
internal sealed class InterposedNetwork(InterposedPort port) : Network(port.Name)
{
    private Port? _guest;

    public override string Kind => "interposed";

    public override IReadOnlyList<Port> Ports => _guest is null ? [] : [_guest];

    public override void Attach(Port guest)
    {
        _guest = guest;
        guest.Network = this;
    }

    public override void Detach(Port guest)
    {
        _guest = null;
        guest.Network = null;
    }

    public override int Forward(Ingress source, FrameBurst burst, BottomHalf? waiter) => port.Pass(burst, source.Queue, waiter);

    public override void PortChanged(Port guest) => port.Network?.PortChanged(port);
}
