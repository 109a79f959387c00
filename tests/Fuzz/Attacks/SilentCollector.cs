using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A metrics collector that takes the connection and never answers: the daemon serves, and ends at once when it is told to.</summary>
internal sealed class SilentCollector : Attack
{
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(2);
    private readonly Socket _collector = new(SocketType.Stream, ProtocolType.Tcp);

    public override IReadOnlyDictionary<string, object> Keys(TestDirectory directory)
    {
        _collector.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _collector.Listen(8);
        int port = ((IPEndPoint)_collector.LocalEndPoint!).Port;
        return new Dictionary<string, object> { ["metrics"] = new { otlp = new { endpoint = $"http://127.0.0.1:{port}", protocol = "http", intervalSeconds = 1 } } };
    }

    public override void Round(AttackScene scene) => _ = poll([], 50);

    public override void End(AttackScene scene)
    {
        long start = Stopwatch.GetTimestamp();
        scene.Process.Signal(SIGTERM);
        scene.EndsByItself = scene.Process.Exited.Wait(TimeSpan.FromSeconds(20));
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        if (took > s_endLimit)
        {
            throw new FuzzException($"the daemon took {took.TotalSeconds:f1} s to end, because a collector does not answer");
        }
    }

    protected override void Release() => _collector.Dispose();
}
