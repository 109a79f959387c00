using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>A port that stands for a guest's in the network and does something to the frames for it; what the guest sends it passes on.</summary>
internal sealed class InterposedPort : Port
{
    private readonly VhostUserPort _guest;
    private readonly Meddler _fault;

    public InterposedPort(VhostUserPort guest, Meddler fault)
        : base($"{guest.Name} behind a fault")
    {
        _guest = guest;
        _fault = fault;
        new InterposedNetwork(this).Attach(guest);
    }

    /// <summary>Delivers to the guest, more or less.</summary>
    public delegate int Meddler(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter);

    public override string Kind => _guest.Kind;

    public override Offloads Accepts => _guest.Accepts;

    public override Offloads Finishes => _guest.Finishes;

    public override bool IsUp => _guest.IsUp;

    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) => _fault(_guest, burst, frames, queue, waiter);

    public override void PeersAcceptChanged(Offloads accepted) => _guest.PeersAcceptChanged(accepted);

    /// <summary>Passes on what the guest sent.</summary>
    public int Pass(FrameBurst burst, int queue, BottomHalf? waiter) => Forward(burst, queue, waiter);
}
