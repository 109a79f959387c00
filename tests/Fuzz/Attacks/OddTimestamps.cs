using System.Text.Json;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A capture file whose frames lie 136 years apart, replayed at a tenth of its speed.</summary>
internal sealed class OddTimestamps : Attack
{
    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "hole", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory) => [new Dictionary<string, object> { ["name"] = "sink", ["kind"] = "null", ["network"] = "hole" }];

    public override void Begin(AttackScene scene)
    {
        using var file = new BinaryWriter(File.Create(scene.Directory.File("odd.pcap")));
        foreach (uint word in (uint[])[0xa1b2c3d4, 0x0004_0002, 0, 0, 65535, 1])
        {
            file.Write(word);
        }

        foreach (uint seconds in (uint[])[0, uint.MaxValue, 5, uint.MaxValue, 0])
        {
            file.Write(seconds);
            file.Write(seconds == 5 ? uint.MaxValue : 0);
            file.Write(60);
            file.Write(60);
            file.Write(Packets.Broadcast());
        }
    }

    public override void Round(AttackScene scene)
    {
        string json = JsonSerializer.Serialize(
            new { kind = "pcap", network = "hole", replay = scene.Directory.File("odd.pcap"), speed = 0.1, loops = 0, threads = new[] { "io0" } });
        _ = scene.Control.Send(HttpMethod.Put, "ports/odd", json);
        _ = poll([], 30);
        _ = scene.Control.Send(HttpMethod.Delete, "ports/odd");
    }
}
