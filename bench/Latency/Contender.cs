using System.Globalization;

namespace VhostNet.Latency;

/// <summary>A back end that was started for the bench, with its guest's processor time on processor 0 and its own on processor 1.</summary>
internal sealed class Contender : IAsyncDisposable
{
    /// <summary>The processor that back ends run on.</summary>
    public const int BackEndCpu = 1;

    private readonly IAsyncDisposable _owner;
    private readonly TestDirectory _directory;

    private Contender(string name, TestDirectory directory, ChildProcess process, IAsyncDisposable owner)
    {
        Name = name;
        _directory = directory;
        Process = process;
        _owner = owner;
    }

    public string Name { get; }

    public ChildProcess Process { get; }

    public string SocketPath => Socket(_directory);

    /// <summary>The daemon's control socket.</summary>
    public string ControlPath => _directory.File("control.sock");

    /// <summary>From exec to the notice that the daemon's socket listens.</summary>
    public TimeSpan ReadyAfter { get; private init; }

    /// <summary>Starts the daemon with one guest.</summary>
    public static async Task<Contender> DaemonAsync(string poll, string uplink = "hairpin", NetworkNamespace? inside = null)
    {
        var directory = new TestDirectory();
        string[] arguments =
        [
            "--socket-path", Socket(directory), "--uplink", uplink, "--poll", poll, "--cpu", BackEndCpu.ToString(CultureInfo.InvariantCulture),
            "--control", directory.File("control.sock"), "--log-level", "warning",
        ];
        VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(directory, arguments, inside);
        return new Contender($"vhostnetd {poll}", directory, daemon.Process, daemon) { ReadyAfter = daemon.ReadyAfter };
    }

    /// <summary>Starts testpmd with DPDK's vhost library as back end, one core forwarding frames back where they came from.</summary>
    public static Task<Contender> TestpmdAsync() => TestpmdAsync("testpmd net_vhost", [], null);

    /// <summary>Starts testpmd between DPDK's vhost library and its tap driver.</summary>
    public static Task<Contender> TestpmdTapAsync(string tap, NetworkNamespace inside) => TestpmdAsync("testpmd net_tap", [$"net_tap0,iface={tap}"], inside);

    private static async Task<Contender> TestpmdAsync(string name, IReadOnlyList<string> otherDevices, NetworkNamespace? inside)
    {
        var directory = new TestDirectory();
        var options = new TestpmdOptions { Name = name, Devices = [TestpmdOptions.Vhost(0, Socket(directory)), .. otherDevices], Inside = inside };
        Testpmd testpmd = await Testpmd.StartAsync(options);
        await testpmd.StartForwardingAsync();
        return new Contender(name, directory, testpmd.Process, testpmd);
    }

    /// <summary>Keeps the back end from running, so that another one may have its processor.</summary>
    public void Pause() => Process.Signal(SIGSTOP);

    /// <summary>Lets it run again.</summary>
    public void Resume() => Process.Signal(SIGCONT);

    /// <summary>Read and write calls that the process made, as the kernel counts them.</summary>
    public long ReadAndWriteCalls =>
        File.ReadLines($"/proc/{Process.Id}/io")
            .Where(l => l.StartsWith("syscr:", StringComparison.Ordinal) || l.StartsWith("syscw:", StringComparison.Ordinal))
            .Sum(l => long.Parse(l.AsSpan(6), CultureInfo.InvariantCulture));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Resume();
        await _owner.DisposeAsync();
        _directory.Dispose();
    }

    private static string Socket(TestDirectory directory) => directory.File("net.sock");
}
