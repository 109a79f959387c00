using System.Collections.Concurrent;

namespace VhostNet.EndToEnd;

/// <summary>
/// What every case has: a directory, the peers that it started, their end in the opposite order, and their transcripts when the case failed.
/// </summary>
public abstract class EndToEndTest : IAsyncLifetime
{
    private readonly ConcurrentStack<(IAsyncDisposable Peer, Func<string>? Report)> _peers = [];

    /// <summary>Where the sockets of the case are.</summary>
    protected TestDirectory Directory { get; } = new();

    /// <summary>The daemon's vhost-user socket, in cases that have one.</summary>
    protected string SocketPath => Directory.File("net0.sock");

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        bool failed = TestContext.Current.TestState?.Result == TestResult.Failed;
        foreach ((IAsyncDisposable peer, Func<string>? report) in _peers)
        {
            await peer.DisposeAsync();
            if (failed && report is not null)
            {
                TestContext.Current.TestOutputHelper?.WriteLine(report());
            }
        }

        Directory.Dispose();
    }

    /// <summary>Boots a guest that ends with the case.</summary>
    protected async Task<QemuGuest> BootAsync(GuestOptions options)
    {
        QemuGuest guest = await QemuGuest.BootAsync(Directory, options);
        _peers.Push((guest, guest.Report));
        return guest;
    }

    /// <summary>Boots a guest at the case's socket, with defaults but for the device's properties.</summary>
    protected Task<QemuGuest> BootAsync(string deviceProperties = "") =>
        BootAsync(new GuestOptions { Socket = SocketPath, DeviceProperties = deviceProperties });

    /// <summary>Starts a daemon that ends with the case.</summary>
    protected async Task<VhostnetdProcess> StartDaemonAsync(NetworkNamespace? inside, params string[] arguments)
    {
        VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(Directory, arguments, inside);
        _peers.Push((daemon, daemon.Report));
        return daemon;
    }

    /// <summary>Starts a daemon at the case's socket.</summary>
    protected Task<VhostnetdProcess> StartDaemonAsync(string uplink, NetworkNamespace? inside = null, params string[] more) =>
        StartDaemonAsync(inside, ["--socket-path", SocketPath, "--uplink", uplink, .. more]);

    /// <summary>Starts a daemon by another program, such as an emulator of another processor; it ends with the case.</summary>
    protected async Task<VhostnetdProcess> StartDaemonUnderAsync(string program, string[] arguments)
    {
        VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(Directory, arguments, program: program);
        _peers.Push((daemon, daemon.Report));
        return daemon;
    }

    /// <summary>Makes a namespace that ends with the case.</summary>
    protected async Task<NetworkNamespace> CreateNamespaceAsync()
    {
        NetworkNamespace made = await NetworkNamespace.CreateAsync();
        _peers.Push((made, null));
        return made;
    }

    /// <summary>Starts testpmd; it ends with the case.</summary>
    protected async Task<Testpmd> StartTestpmdAsync(TestpmdOptions options)
    {
        Testpmd testpmd = await Testpmd.StartAsync(options);
        _peers.Push((testpmd, () => $"--- {options.Name}\n{testpmd.Process.Output.Tail()}\n"));
        return testpmd;
    }

    /// <summary>Starts an Open vSwitch that ends with the case.</summary>
    protected async Task<OpenVSwitch> StartOpenVSwitchAsync(NetworkNamespace network)
    {
        OpenVSwitch made = await OpenVSwitch.StartAsync(Directory, network);
        _peers.Push((made, made.Report));
        return made;
    }
}
