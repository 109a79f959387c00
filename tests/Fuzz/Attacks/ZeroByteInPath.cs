using System.Net;
using VhostNet.Fuzz.Attacks.Harness;

namespace VhostNet.Fuzz.Attacks;

/// <summary>Paths and names with a zero byte, which the kernel would cut there, over the control API.</summary>
internal sealed class ZeroByteInPath : Attack
{
    public override void Round(AttackScene scene)
    {
        Expect(scene, HttpMethod.Post, "ports/innocent0/capture", $$"""{"file": "{{scene.Directory.Path}}/a\u0000.pcap"}""");
        Expect(scene, HttpMethod.Put, "ports/zero", $$"""{"kind": "pcap", "replay": "{{scene.Directory.Path}}/a\u0000.pcap"}""");
        Expect(scene, HttpMethod.Put, "ports/zero", $$"""{"kind": "vhost-user", "socket": {"path": "{{scene.Directory.Path}}/a\u0000.sock"} }""");
        Expect(scene, HttpMethod.Put, "ports/zero", $$"""{"kind": "stream", "address": "unix:{{scene.Directory.Path}}/a\u0000.sock"}""");
        Expect(scene, HttpMethod.Put, "ports/zero", """{"kind": "tap", "interface": "tap\u00000"}""");
        _ = poll([], 5);
    }

    private static void Expect(AttackScene scene, HttpMethod method, string path, string json)
    {
        (HttpStatusCode status, string text) = scene.Control.Send(method, path, json);
        if ((int)status is < 400 or >= 500)
        {
            throw new FuzzException($"{method} /{path} with {json} was answered {(int)status}: {text}");
        }
    }
}
