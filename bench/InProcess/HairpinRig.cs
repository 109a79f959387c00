using VhostNet.VirtioNet.Networks;

namespace VhostNet.InProcess;

/// <summary>One guest: what it sends comes back through the hairpin.</summary>
internal sealed class HairpinRig : Rig
{
    private readonly BenchGuest _guest;
    private readonly FrameSender _sender;

    public HairpinRig(GuestShape shape)
    {
        _guest = Add("guest", shape);
        new HairpinNetwork("hairpin").Attach(_guest.Port);
        _guest.Start();
        _sender = new FrameSender(_guest, shape, Frames.Plain);
    }

    protected override long Arrived => _guest.Received;

    protected override int Offer() => _sender.Offer();

    protected override void RunBackend() => _guest.RunBackend();

    protected override void Collect()
    {
        _guest.CollectSent();
        _guest.CollectReceived();
    }
}
