using System.Diagnostics;
using System.Text.Json;
using VhostNet.Fuzz.Attacks.Harness;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A pcap port that is to replay, or to record to, a FIFO that nobody opens at its other end.</summary>
internal sealed class PcapFifo : Attack
{
    private int _number;

    public override void Begin(AttackScene scene)
    {
        using Process mkfifo = Process.Start("mkfifo", [scene.Directory.File("in"), scene.Directory.File("out")]);
        mkfifo.WaitForExit();
    }

    public override void Round(AttackScene scene)
    {
        string key = _number++ % 2 == 0 ? "replay" : "capture";
        string json = JsonSerializer.Serialize(new Dictionary<string, string> { ["kind"] = "pcap", [key] = scene.Directory.File(key == "replay" ? "in" : "out") });
        _ = scene.Control.Send(HttpMethod.Put, "ports/fifo", json);
        _ = scene.Control.Send(HttpMethod.Delete, "ports/fifo");
        _ = poll([], 10);
    }
}
