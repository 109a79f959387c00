using System.Diagnostics;
using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A stream server that accepts and closes at once: whoever connects again without a pause makes thousands of connections a second.</summary>
internal sealed class AcceptAndClose : Attack
{
    /// <summary>Connections a second that somebody with a pause may make.</summary>
    private const int MayConnect = 100;

    private Socket? _server;
    private long _start;
    private int _accepted;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "far", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory)
    {
        _server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _server.Bind(new UnixDomainSocketEndPoint(directory.File("stream")));
        _server.Listen(16);
        return
        [
            Guest(directory, "attacker", "far"),
            new Dictionary<string, object> { ["name"] = "stream", ["kind"] = "stream", ["network"] = "far", ["address"] = $"unix:{directory.File("stream")}" },
        ];
    }

    public override void Begin(AttackScene scene) => _start = Stopwatch.GetTimestamp();

    public override void Round(AttackScene scene)
    {
        for (int i = 0; i < 20; i++)
        {
            if (_server!.Poll(1000, SelectMode.SelectRead))
            {
                _server.Accept().Dispose();
                _accepted++;
            }
        }
    }

    public override void End(AttackScene scene)
    {
        double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        if (_accepted > MayConnect * seconds)
        {
            throw new FuzzException($"{_accepted / seconds:f0} connections a second to a peer that closes each");
        }
    }

    protected override void Release() => _server?.Dispose();
}
