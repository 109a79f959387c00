using System.Globalization;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.InProcess;

/// <summary>
/// Two guests exchange frames over a switch while a third sends to a fourth, either from a new source address with every frame or from its own one. What the
/// two pay is compared; memory is looked at before and after the first million addresses.
/// </summary>
internal sealed class MacFlood : NetworkRig
{
    private const int Addresses = 1_000_000;
    private readonly SwitchNetwork _network;
    private readonly FrameSender _flooder;
    private long _next;
    private bool _flooding;

    private MacFlood(SwitchNetwork network, GuestShape shape)
        : base(network, 4, 1, shape, Frames.Plain)
    {
        _network = network;
        _flooder = new FrameSender(Guests[2], shape, (_, frame) => Frames.Write(frame, Frames.Address(2, 0), Frames.Address(3, 0)));
        Flood();
        long resident = Environment.WorkingSet;
        long managed = GC.GetTotalAllocatedBytes(precise: true);
        while (_next < Addresses)
        {
            Flood();
        }

        managed = GC.GetTotalAllocatedBytes(precise: true) - managed;
        resident = Environment.WorkingSet - resident;
        Note = string.Create(
            CultureInfo.InvariantCulture,
            $"{_next:N0} addresses: {_network.AddressCount} of {_network.Options.MacTableCapacity} kept, {managed} B managed, {resident / 1024} KiB resident");
    }

    /// <inheritdoc/>
    public override string Note { get; }

    protected override long Arrived => Guests[1].Received;

    /// <summary>The two guests' cost under a flood, and without one, of the same rig.</summary>
    public static (Sampler Flooded, Sampler Quiet) Create()
    {
        var rig = new MacFlood(new SwitchNetwork("switch"), new GuestShape());
        return (new Mode(rig, flooding: true), new Mode(rig, flooding: false));
    }

    protected override int Offer()
    {
        Flood();
        return base.Offer();
    }

    private void Flood()
    {
        if (_flooding || _next < Addresses)
        {
            for (int i = 0; i < 256; i++)
            {
                _flooder.SetSource(i, Frames.Address(0x8000, 0) + (ulong)_next++);
            }
        }
        else
        {
            for (int i = 0; i < 256; i++)
            {
                _flooder.SetSource(i, Frames.Address(2, 0));
            }
        }

        _flooder.Offer();
        Guests[2].RunBackend();
        Guests[2].CollectSent();
        Guests[3].CollectReceived();
    }

    private sealed class Mode(MacFlood rig, bool flooding) : Sampler
    {
        public override string Note => rig.Note;

        public override double Sample()
        {
            rig._flooding = flooding;
            return rig.Sample();
        }

        public override void Dispose()
        {
            if (flooding)
            {
                rig.Dispose();
            }
        }
    }
}
