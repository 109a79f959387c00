using System.Text.Json;
using VhostNet.Fuzz.Attacks.Harness;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A capture whose file is a link to another file, which must keep its content.</summary>
internal sealed class CaptureThroughLink : Attack
{
    private const string Content = "precious";

    public override void Begin(AttackScene scene)
    {
        File.WriteAllText(scene.Directory.File("precious"), Content);
        File.CreateSymbolicLink(scene.Directory.File("capture.pcap"), scene.Directory.File("precious"));
    }

    public override void Round(AttackScene scene)
    {
        string json = JsonSerializer.Serialize(new { file = scene.Directory.File("capture.pcap"), frames = 10 });
        _ = scene.Control.Send(HttpMethod.Post, "ports/innocent0/capture", json);
        _ = scene.Control.Send(HttpMethod.Delete, "ports/innocent0/capture");
        _ = poll([], 20);
        if (File.ReadAllText(scene.Directory.File("precious")) != Content)
        {
            throw new FuzzException("a capture emptied the file behind a link");
        }
    }
}
