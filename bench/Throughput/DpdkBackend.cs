namespace VhostNet.Throughput;

/// <summary>DPDK's vhost library: a testpmd with net_vhost ports that passes bursts on.</summary>
internal sealed class DpdkBackend() : Backend("dpdk")
{
    private Testpmd? _testpmd;

    /// <inheritdoc/>
    public override ChildProcess Process => _testpmd!.Process;

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<string>> StartAsync(BenchCase benchCase, TestDirectory directory)
    {
        string[] sockets = [.. Enumerable.Range(0, benchCase.Ports).Select(i => directory.File($"{Name}{i}"))];
        _testpmd = await Testpmd.StartAsync(new TestpmdOptions
        {
            Name = Name,
            Devices = [.. sockets.Select((socket, i) => TestpmdOptions.Vhost(i, socket) + $",queues={benchCase.QueuePairs}")],
            Queues = benchCase.QueuePairs,
            Lcores = $"0@{FrontEndCpu},1@{Cpu}",
            MemoryMegabytes = 128,
            Buffers = 16384 * benchCase.Ports,
        });
        await _testpmd.StartForwardingAsync();
        return sockets;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _testpmd?.DisposeAsync() ?? ValueTask.CompletedTask;
}
