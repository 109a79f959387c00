using System.Buffers.Binary;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>The last fragment of an IPv4 datagram comes first, to `user`: 34 bytes.</summary>
internal sealed class FragmentToUser : Attack
{
    private AttackGuest? _guest;
    private ushort _number;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "nat", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory) =>
        [Guest(directory, "attacker", "nat"), new Dictionary<string, object> { ["name"] = "uplink", ["kind"] = "user", ["network"] = "nat" }];

    public override void Begin(AttackScene scene)
    {
        _guest = new AttackGuest(scene.Socket("attacker"));
        _guest.Run();
    }

    public override void Round(AttackScene scene)
    {
        byte[] frame = Packets.Udp(Packets.Gateway, 4000, 9)[..34];
        Span<byte> ip = frame.AsSpan(14);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], 20);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], ++_number);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], 1);
        ip[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~SlowChecksum.Sum(ip[..20]));
        _guest!.Send(frame);
        _guest.OfferBuffers();
        _ = poll([], 2);
    }

    protected override void Release() => _guest?.Dispose();
}
