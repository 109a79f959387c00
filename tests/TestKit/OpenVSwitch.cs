using System.Globalization;

namespace VhostNet.TestKit;

/// <summary>An Open vSwitch of one test's own: its database and its processes in a directory and a namespace, with the datapath in user space.</summary>
public sealed class OpenVSwitch : IAsyncDisposable
{
    private const string Schema = "/usr/share/openvswitch/vswitch.ovsschema";
    private readonly NetworkNamespace _network;
    private readonly ChildProcess _database;
    private readonly ChildProcess _switch;
    private readonly string _remote;

    private OpenVSwitch(NetworkNamespace network, ChildProcess database, ChildProcess vswitchd, string remote)
    {
        _network = network;
        _database = database;
        _switch = vswitchd;
        _remote = remote;
    }

    /// <summary>The process that moves frames.</summary>
    public ChildProcess Switch => _switch;

    /// <summary>Starts the database and the switch in a namespace.</summary>
    public static Task<OpenVSwitch> StartAsync(TestDirectory directory, NetworkNamespace network) => StartAsync(directory, network, "ovs-vswitchd", []);

    /// <summary>
    /// Starts the switch with the DPDK datapath in a namespace. A port of type dpdkvhostuser listens at a socket of its name in the directory.
    /// </summary>
    public static Task<OpenVSwitch> StartDpdkAsync(TestDirectory directory, NetworkNamespace network, int memoryMegabytes, int promptCpu, int pollCpu)
    {
        string Mask(int cpu) => string.Create(CultureInfo.InvariantCulture, $"0x{1 << cpu:x}");
        return StartAsync(
            directory,
            network,
            "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
            [
                "dpdk-init=true", "dpdk-extra=\"--no-pci --no-telemetry --in-memory\"", $"dpdk-socket-mem=\"{memoryMegabytes}\"",
                $"dpdk-lcore-mask={Mask(promptCpu)}", $"pmd-cpu-mask={Mask(pollCpu)}",
            ]);
    }

    private static async Task<OpenVSwitch> StartAsync(TestDirectory directory, NetworkNamespace network, string program, IReadOnlyList<string> settings)
    {
        string database = directory.File("ovs.db");
        string remote = directory.File("ovs.sock");
        Dictionary<string, string> environment = new()
        {
            ["OVS_RUNDIR"] = directory.Path,
            ["OVS_LOGDIR"] = directory.Path,
            ["OVS_DBDIR"] = directory.Path,
        };
        await ChildProcess.RunAsync("ovsdb-tool", ["create", database, Schema]);
        ChildProcess server = await ChildProcess.StartAsync("ovsdb-server", "ovsdb-server", [$"--remote=punix:{remote}", database], environment, network);
        string vsctl = $"--db=unix:{remote}";
        await ChildProcess.RunAsync("ovs-vsctl", [vsctl, "--retry", "--timeout=20", "--no-wait", "init"], network);
        if (settings.Count > 0)
        {
            await ChildProcess.RunAsync("ovs-vsctl", [vsctl, "--no-wait", "set", "Open_vSwitch", ".", .. settings.Select(s => $"other_config:{s}")], network);
        }

        ChildProcess vswitchd = await ChildProcess.StartAsync("ovs-vswitchd", program, [$"unix:{remote}"], environment, network);
        return new OpenVSwitch(network, server, vswitchd, $"unix:{remote}");
    }

    /// <summary>Makes a bridge with the user-space datapath; its own interface is up with an address.</summary>
    public async Task CreateBridgeAsync(string name, string address)
    {
        await VsctlAsync($"add-br {name} -- set bridge {name} datapath_type=netdev");
        await _network.IpAsync($"addr add {address} dev {name}");
        await _network.IpAsync($"link set {name} up");
    }

    /// <summary>Joins an interface of the namespace to a bridge.</summary>
    public Task<string> AddPortAsync(string bridge, string port) => VsctlAsync($"add-port {bridge} {port}");

    /// <summary>Runs ovs-vsctl, which waits until the switch has done what it was told.</summary>
    public Task<string> VsctlAsync(string arguments) => _network.RunAsync("ovs-vsctl", $"--db={_remote} --retry --timeout=20 {arguments}");

    /// <summary>The switch's last words, to print when a test fails.</summary>
    public string Report() => $"--- ovs-vswitchd\n{_switch.Output.Tail()}\n";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _switch.DisposeAsync();
        await _database.DisposeAsync();
    }
}
