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
        string file = directory.File($"{Name}.json");
        await File.WriteAllTextAsync(file, DaemonConfiguration.Write(benchCase, network, sockets));
        _daemon = await VhostnetdProcess.StartAsync(directory, ["--config", file], name: Name, program: program);
        return sockets;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _daemon?.DisposeAsync() ?? ValueTask.CompletedTask;
}
