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

    /// <summary>Starts the database and the switch in a namespace.</summary>
    public static async Task<OpenVSwitch> StartAsync(TestDirectory directory, NetworkNamespace network)
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
        ChildProcess vswitchd = await ChildProcess.StartAsync("ovs-vswitchd", "ovs-vswitchd", [$"unix:{remote}"], environment, network);
        OpenVSwitch made = new(network, server, vswitchd, $"unix:{remote}");
        try
        {
            await made.VsctlAsync("--no-wait init");
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
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
