using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>Broadcasts of 64 KiB in segments of a few bytes to many receivers that take no segments: each is cut and copied for each of them.</summary>
internal sealed class SegmentFlood : Attack
{
    private const int Receivers = 8;
    private readonly List<AttackGuest> _receivers = [];
    private AttackGuest? _sender;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "lan", kind = "switch" }];

    public override IEnumerable<object> Ports(TestDirectory directory) =>
        [Guest(directory, "sender", "lan"), .. Enumerable.Range(0, Receivers).Select(i => Guest(directory, $"receiver{i}", "lan"))];

    public override void Begin(AttackScene scene)
    {
        for (int i = 0; i < Receivers; i++)
        {
            _receivers.Add(new AttackGuest(scene.Socket($"receiver{i}"), 1024));
            _receivers[i].Run();
        }

        _sender = new AttackGuest(scene.Socket("sender"), 1024, VirtioNetFeatures.CSUM | VirtioNetFeatures.HOST_TSO4, 65536, slots: 1024);
        _sender.Run();
        var template = new FrameBuilder { Destination = Packets.Everybody, Source = Packets.Mac, Tcp = true, Payload = new byte[65_000] };
        for (int i = 0; i < 1024; i++)
        {
            _sender.Write(i, template.Partial(), template.Header(1400));
        }
    }

    public override void Round(AttackScene scene)
    {
        AttackGuest.KeepFull(_sender!.Tx);
        _ = write(_sender.Tx.Kick.Value, 1UL);
        for (int i = 0; i < 10; i++)
        {
            _receivers.ForEach(r => r.OfferBuffers());
            _ = poll([], 1);
        }
    }

    protected override void Release()
    {
        _sender?.Dispose();
        _receivers.ForEach(r => r.Dispose());
    }
}
