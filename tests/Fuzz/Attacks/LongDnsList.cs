using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A responder with a list of 80 name servers, and a guest that asks for its configuration.</summary>
internal sealed class LongDnsList : Attack
{
    private AttackGuest? _guest;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "dhcp", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory) =>
    [
        Guest(directory, "attacker", "dhcp"),
        new Dictionary<string, object>
        {
            ["name"] = "responder",
            ["kind"] = "responder",
            ["network"] = "dhcp",
            ["dns"] = Enumerable.Range(1, 80).Select(i => $"10.0.3.{i}").ToArray(),
        },
    ];

    public override void Begin(AttackScene scene)
    {
        _guest = new AttackGuest(scene.Socket("attacker"));
        _guest.Run();
    }

    public override void Round(AttackScene scene)
    {
        byte[] payload = new byte[300];
        ((ReadOnlySpan<byte>)[1, 1, 6, 0, 1, 2, 3, 4]).CopyTo(payload);
        Packets.Mac.CopyTo(payload, 28);

        // The magic cookie, DHCPDISCOVER, and a request for everything.
        ((ReadOnlySpan<byte>)[99, 130, 83, 99, 53, 1, 1, 55, 4, 1, 3, 6, 26, 255]).CopyTo(payload.AsSpan(236));
        var builder = new FrameBuilder
        {
            Destination = Packets.Everybody,
            Source = Packets.Mac,
            SourceAddress = [0, 0, 0, 0],
            DestinationAddress = [255, 255, 255, 255],
            DestinationPort = 67,
            Payload = payload,
        };
        byte[] frame = builder.Partial();
        Span<byte> udp = frame.AsSpan(builder.TransportOffset);
        udp[1] = 68;
        udp[0] = 0;
        udp[6..8].Clear();
        _guest!.Send(frame);
        _guest.OfferBuffers();
        _ = poll([], 2);
    }

    protected override void Release() => _guest?.Dispose();
}
