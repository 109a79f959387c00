using System.Text.Json;

namespace VhostNet.Throughput;

/// <summary>Our daemon, with one polling thread that all ports share.</summary>
/// <param name="name">What the tables call it.</param>
/// <param name="program">The daemon's file.</param>
/// <param name="network">The kind of network that joins the ports.</param>
internal sealed class DaemonBackend(string name, string program, string network) : Backend(name)
{
    private VhostnetdProcess? _daemon;

    /// <inheritdoc/>
    public override ChildProcess Process => _daemon!.Process;

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<string>> StartAsync(BenchCase benchCase, TestDirectory directory)
    {
        string[] sockets = [.. Enumerable.Range(0, benchCase.Ports).Select(i => directory.File($"{Name}{i}"))];
        var configuration = new
        {
            threads = new[] { new { name = "io0", poll = "busy", cpu = Cpu } },
            networks = new[] { new { name = "net", kind = network } },
            ports = sockets.Select((socket, i) => new
            {
                name = $"guest{i}",
                kind = "vhost-user",
                network = "net",
                queuePairs = benchCase.QueuePairs,
                socket = new { path = socket },
            }),
        };
        string file = directory.File($"{Name}.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(configuration));
        _daemon = await VhostnetdProcess.StartAsync(directory, ["--config", file], name: Name, program: program);
        return sockets;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _daemon?.DisposeAsync() ?? ValueTask.CompletedTask;
}
