using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>Peers of a listening stream port come and go while all descriptors are taken: one of them gets the last one.</summary>
internal sealed class StreamLastDescriptor : Attack
{
    private AttackGuest? _hog;

    /// <summary>Some two hundred are in use, the daemon keeps 128 back, and the few between are the hog's and the peer's.</summary>
    public override int DescriptorLimit => 360;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "far", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory) =>
    [
        Guest(directory, "hog"), Guest(directory, "attacker", "far"),
        new Dictionary<string, object> { ["name"] = "stream", ["kind"] = "stream", ["network"] = "far", ["address"] = $"listen:unix:{directory.File("stream")}" },
    ];

    public override void Begin(AttackScene scene) => _hog = new AttackGuest(scene.Socket("hog"));

    public override void Round(AttackScene scene)
    {
        // The peer gets what the attacker leaves: one descriptor, two, three.
        for (int left = 0; left < 6; left++)
        {
            RegionHog.TakeAllBut(_hog!, left);
            using var peer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            peer.Connect(new UnixDomainSocketEndPoint(scene.Directory.File("stream")));
            _ = poll([], 3);
            _hog!.Disconnect();
        }
    }

    protected override void Release() => _hog?.Dispose();
}
