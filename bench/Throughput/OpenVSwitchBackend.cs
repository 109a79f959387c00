namespace VhostNet.Throughput;

/// <summary>Open vSwitch with the DPDK datapath: one polling thread, ports of type dpdkvhostuser, and the action NORMAL, which learns addresses.</summary>
internal sealed class OpenVSwitchBackend() : Backend("ovs")
{
    private const string Bridge = "br0";
    private const int MemoryMegabytes = 512;
    private string[] _ports = [];
    private TestDirectory? _directory;
    private NetworkNamespace? _network;
    private OpenVSwitch? _switch;

    /// <inheritdoc/>
    public override ChildProcess Process => _switch!.Switch;

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<string>> StartAsync(BenchCase benchCase, TestDirectory directory)
    {
        // A directory of its own, as the ports' sockets are made beside its database; and the bridge's interface shall meet no other.
        _directory = new TestDirectory();
        _network = await NetworkNamespace.CreateAsync();
        _switch = await OpenVSwitch.StartDpdkAsync(_directory, _network, MemoryMegabytes, FrontEndCpu, Cpu);
        await _switch.VsctlAsync($"add-br {Bridge} -- set bridge {Bridge} datapath_type=netdev");
        _ports = [.. Enumerable.Range(0, benchCase.Ports).Select(static i => $"guest{i}")];
        foreach (string port in _ports)
        {
            await _switch.VsctlAsync($"add-port {Bridge} {port} -- set Interface {port} type=dpdkvhostuser options:n_rxq={benchCase.QueuePairs}");
        }

        return [.. _ports.Select(_directory.File)];
    }

    /// <inheritdoc/>
    public override async Task ReadyAsync()
    {
        // Its main thread takes a port into use some time after the front end did, and until then the polling thread drops what goes there.
        foreach (string port in _ports)
        {
            await _switch!.VsctlAsync($"wait-until Interface {port} link_state=up");
        }
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_switch is not null)
        {
            await _switch.DisposeAsync();
        }

        if (_network is not null)
        {
            await _network.DisposeAsync();
        }

        _directory?.Dispose();
    }
}
