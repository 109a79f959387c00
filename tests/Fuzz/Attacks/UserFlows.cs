using System.Net;
using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A guest behind `user` sends from one source port after the other, by UDP or with a SYN to a host that takes the connection: each is a socket of the daemon.</summary>
internal sealed class UserFlows(bool tcp) : Attack
{
    /// <summary>The quota of a `user` port by default.</summary>
    public const int FlowsMax = 1024;

    /// <summary>What libslirp keeps for a connection: two buffers of 128 KiB (TCP_SNDSPACE, TCP_RCVSPACE), and little besides.</summary>
    public const long BytesOfFlow = 260 << 10;

    private AttackGuest? _guest;
    private Socket? _listener;
    private ushort _port = 1024;

    public override int DescriptorLimit => 2048;

    public override int DescriptorQuota => FlowsMax;

    public override long ByteQuota => tcp ? FlowsMax * BytesOfFlow : 0;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "nat", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory) =>
        [Guest(directory, "attacker", "nat"), new Dictionary<string, object> { ["name"] = "uplink", ["kind"] = "user", ["network"] = "nat", ["hostLoopback"] = true }];

    public override void Begin(AttackScene scene)
    {
        // Loopback only: nothing leaves this machine.
        _listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _guest = new AttackGuest(scene.Socket("attacker"));
        _guest.Run();
        _guest.Send(Packets.WhoHas(Packets.Gateway));
    }

    public override void Round(AttackScene scene)
    {
        ushort target = (ushort)((IPEndPoint)_listener!.LocalEndPoint!).Port;
        for (int i = 0; i < 64; i++)
        {
            _port = (ushort)Math.Max(1024, _port + 1);
            _guest!.TrySend(tcp ? Packets.Tcp(Packets.Gateway, _port, target, 0x02) : Packets.Udp(Packets.Gateway, _port, target));
        }

        _guest!.Kick();
        _guest.OfferBuffers();
        _ = poll([], 5);
    }

    protected override void Release()
    {
        _guest?.Dispose();
        _listener?.Dispose();
    }
}
