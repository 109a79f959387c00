using System.Globalization;

namespace VhostNet.TestKit;

/// <summary>An Open vSwitch of one test's own: its database and its processes in a directory and a namespace, with the datapath in user space.</summary>
public sealed class OpenVSwitch : IAsyncDisposable
{
    private const string Schema = "/usr/share/openvswitch/vswitch.ovsschema";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly NetworkNamespace _network;
    private readonly ChildProcess _database;
    private readonly ChildProcess _switch;
    private readonly Dictionary<string, string> _environment;

    private OpenVSwitch(NetworkNamespace network, ChildProcess database, ChildProcess vswitchd, Dictionary<string, string> environment)
    {
        _network = network;
        _database = database;
        _switch = vswitchd;
        _environment = environment;
    }

    /// <summary>The process that moves frames.</summary>
    public ChildProcess Switch => _switch;

    /// <summary>Starts the database and the switch in a namespace. Several may share a test's directory.</summary>
    public static Task<OpenVSwitch> StartAsync(TestDirectory directory, NetworkNamespace network) =>
        StartAsync(Directory.CreateDirectory(directory.File(network.Name)).FullName, network, "ovs-vswitchd", []);

    /// <summary>
    /// Starts the switch with the DPDK datapath in a namespace. A port of type dpdkvhostuser listens at a socket of its name in the directory.
    /// </summary>
    public static Task<OpenVSwitch> StartDpdkAsync(TestDirectory directory, NetworkNamespace network, int memoryMegabytes, int promptCpu, int pollCpu)
    {
        string Mask(int cpu) => string.Create(CultureInfo.InvariantCulture, $"0x{1 << cpu:x}");
        return StartAsync(
            directory.Path,
            network,
            "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
            [
                "dpdk-init=true", "dpdk-extra=\"--no-pci --no-telemetry --in-memory\"", $"dpdk-socket-mem=\"{memoryMegabytes}\"",
                $"dpdk-lcore-mask={Mask(promptCpu)}", $"pmd-cpu-mask={Mask(pollCpu)}",
            ]);
    }

    private static async Task<OpenVSwitch> StartAsync(string directory, NetworkNamespace network, string program, IReadOnlyList<string> settings)
    {
        string database = Path.Combine(directory, "conf.db");
        string remote = Path.Combine(directory, "db.sock");
        Dictionary<string, string> environment = new() { ["OVS_RUNDIR"] = directory, ["OVS_LOGDIR"] = directory, ["OVS_DBDIR"] = directory };
        await ChildProcess.RunAsync("ovsdb-tool", ["create", database, Schema]);
        ChildProcess server = await ChildProcess.StartAsync("ovsdb-server", "ovsdb-server", [$"--remote=punix:{remote}", database], environment, network);
        string vsctl = $"--db=unix:{remote}";
        await ChildProcess.RunAsync("ovs-vsctl", [vsctl, "--retry", "--timeout=20", "--no-wait", "init"], network);
        if (settings.Count > 0)
        {
            await ChildProcess.RunAsync("ovs-vsctl", [vsctl, "--no-wait", "set", "Open_vSwitch", ".", .. settings.Select(s => $"other_config:{s}")], network);
        }

        ChildProcess vswitchd = await ChildProcess.StartAsync("ovs-vswitchd", program, ["--pidfile", $"unix:{remote}"], environment, network);
        return new OpenVSwitch(network, server, vswitchd, environment);
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
    public Task<string> VsctlAsync(string arguments) => RunScriptAsync($"ovs-vsctl --retry --timeout=20 {arguments}");

    /// <summary>Runs shell commands where the switch runs; its tools find it as they do on a host that has only this one.</summary>
    /// <exception cref="TestPeerException">One of them failed.</exception>
    public async Task<string> RunScriptAsync(string script, params (string Name, string Value)[] variables)
    {
        Dictionary<string, string> environment = new(_environment);
        foreach ((string name, string value) in variables)
        {
            environment[name] = value;
        }

        await using ChildProcess shell = await ChildProcess.StartAsync("bash", "bash", ["-euo", "pipefail", "-c", script], environment, _network);
        int status = await shell.WaitForExitAsync(s_limit);
        return status == 0 ? shell.Output.ToString() : throw shell.Output.Failure($"ran \"{script}\" with exit status {status}");
    }

    /// <summary>The switch's last words, to print when a test fails.</summary>
    public string Report() => $"--- ovs-vswitchd\n{_switch.Output.Tail()}\n";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _switch.DisposeAsync();
        await _database.DisposeAsync();
    }
}
