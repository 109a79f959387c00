using System.Buffers.Binary;
using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A guestForward to a Unix server that listens and never accepts, and a guest that shakes hands with it often.</summary>
internal sealed class ForwardNeverAccepts : Attack
{
    private static readonly byte[] s_forward = [10, 0, 2, 100];

    private Socket? _server;
    private AttackGuest? _guest;
    private ushort _port = 2000;

    /// <summary>A handshake takes some milliseconds, and all flows are used up by them after seconds only.</summary>
    public override int DescriptorQuota => UserFlows.FlowsMax;

    public override long ByteQuota => UserFlows.FlowsMax * UserFlows.BytesOfFlow;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "nat", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory)
    {
        _server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _server.Bind(new UnixDomainSocketEndPoint(directory.File("web")));
        _server.Listen(1);
        return
        [
            Guest(directory, "attacker", "nat"),
            new Dictionary<string, object> { ["name"] = "uplink", ["kind"] = "user", ["network"] = "nat", ["guestForward"] = new[] { $"tcp:10.0.2.100:80-unix:{directory.File("web")}" } },
        ];
    }

    public override void Begin(AttackScene scene)
    {
        _guest = new AttackGuest(scene.Socket("attacker"));
        _guest.Run();
        _guest.Send(Packets.WhoHas(s_forward));
    }

    public override void Round(AttackScene scene)
    {
        _port = (ushort)Math.Max(2000, _port + 1);
        _guest!.Send(Packets.Tcp(s_forward, _port, 80, 0x02));
        for (int i = 0; i < 10; i++)
        {
            _ = poll([], 2);
            while (_guest.Receive() is { } frame)
            {
                if (frame.Length >= 54 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6 && (frame[47] & 0x12) == 0x12)
                {
                    uint theirs = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(38));
                    _guest.Send(Packets.Tcp(s_forward, _port, 80, 0x10, 2, theirs + 1));
                    return;
                }
            }
        }
    }

    protected override void Release()
    {
        _guest?.Dispose();
        _server?.Dispose();
    }
}
