using System.Diagnostics;

namespace VhostNet.TestKit;

/// <summary>The daemon under test, as a service manager would run it: it reports that it is ready through NOTIFY_SOCKET.</summary>
public sealed class VhostnetdProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_readyLimit = TimeSpan.FromSeconds(20);
    private readonly NotifySocket _notify;

    private VhostnetdProcess(ChildProcess process, NotifySocket notify)
    {
        Process = process;
        _notify = notify;
    }

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>What the daemon logged.</summary>
    public Transcript Log => Process.Output;

    /// <summary>What the daemon told the service manager.</summary>
    public Transcript Notifications => _notify.Output;

    /// <summary>From exec to the message that the sockets listen.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Starts the daemon, the one under test unless another program is named, and waits until it is ready.</summary>
    public static async Task<VhostnetdProcess> StartAsync(
        TestDirectory directory,
        IEnumerable<string> arguments,
        NetworkNamespace? inside = null,
        string name = "vhostnetd",
        string? program = null)
    {
        VhostnetdProcess daemon = await SpawnAsync(directory, arguments, inside, name, program ?? Repository.Daemon);
        try
        {
            Task ready = daemon.Notifications.WaitForAsync("^READY=1$", s_readyLimit);
            if (await Task.WhenAny(ready, daemon.Process.Exited) != ready)
            {
                throw daemon.Log.Failure($"ended with status {await daemon.Process.Exited} before it was ready");
            }

            await ready;
            daemon.ReadyAfter = Stopwatch.GetElapsedTime(daemon.Process.StartedAt);
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the daemon with one socket and one uplink, and waits until it is ready.</summary>
    public static Task<VhostnetdProcess> StartAsync(TestDirectory directory, string socket, string uplink) =>
        StartAsync(directory, ["--socket-path", socket, "--uplink", uplink]);

    /// <summary>Starts the daemon where it is expected to refuse, and returns its exit status.</summary>
    public static async Task<(int Status, string Output)> RunToEndAsync(TestDirectory directory, IEnumerable<string> arguments)
    {
        await using VhostnetdProcess daemon = await SpawnAsync(directory, arguments, null, "vhostnetd", Repository.Daemon);
        int status = await daemon.Process.WaitForExitAsync(s_readyLimit);
        return (status, daemon.Log.ToString());
    }

    /// <summary>The daemon's last words, to print when a test fails.</summary>
    public string Report() => $"--- {Log.Name}\n{Log.Tail()}\n";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _notify.Dispose();
    }

    private static async Task<VhostnetdProcess> SpawnAsync(TestDirectory directory, IEnumerable<string> arguments, NetworkNamespace? inside, string name, string program)
    {
        NotifySocket notify = new($"{name}'s sd_notify", directory.File($"notify-{Guid.NewGuid().ToString("N")[..8]}"));
        Dictionary<string, string> environment = new() { ["NOTIFY_SOCKET"] = notify.Path };
        ChildProcess process = await ChildProcess.StartAsync(name, program, arguments, environment, inside);
        return new VhostnetdProcess(process, notify);
    }
}
