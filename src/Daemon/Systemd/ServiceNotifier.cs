using System.Globalization;
using System.Net.Sockets;
using System.Text;
using VhostNet.Aio.Timers;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Tells the service manager how the daemon is (sd_notify(3)): one datagram for each message to the socket that NOTIFY_SOCKET names. Without that variable
/// every call does nothing. No call waits for the manager. Any thread.
/// </summary>
internal sealed class ServiceNotifier : IDisposable
{
    // In the order in which they must arrive.
    private const int ReloadingKind = 0;
    private const int ReadyKind = 1;
    private const int StatusKind = 2;
    private const int StoppingKind = 3;

    private readonly ManagerSocket? _socket;
    private volatile bool _isMute;

    private ServiceNotifier(string? path, TimeSpan? watchdogInterval)
    {
        Path = path;
        _socket = path is null ? null : Connect(path);
        WatchdogInterval = watchdogInterval;
    }

    /// <summary>NOTIFY_SOCKET as it was, or null.</summary>
    public string? Path { get; }

    /// <summary>How long the manager waits for <see cref="Watchdog"/> before it restarts the service; null when it does not watch.</summary>
    public TimeSpan? WatchdogInterval { get; }

    /// <summary>Whether systemd itself started the process: it gives each start of a service an id of its own.</summary>
    public bool IsServiceManagers { get; } = Environment.GetEnvironmentVariable("INVOCATION_ID") is not null;

    /// <summary>Whether somebody listens.</summary>
    public bool IsActive => _socket is not null;

    /// <summary>
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment, because they are meant for this process only.
    /// </summary>
    public static ServiceNotifier FromEnvironment()
    {
        string? path = Take("NOTIFY_SOCKET");
        string? microseconds = Take("WATCHDOG_USEC");
        string? pid = Take("WATCHDOG_PID");
        if (path is null or "")
        {
            return new ServiceNotifier((string?)null, null);
        }

        TimeSpan? interval = null;
        if (long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0
            && (pid is null || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)))
        {
            interval = TimeSpan.FromMicroseconds(value);
        }

        return new ServiceNotifier(path, interval);
    }

    /// <summary>The way to a service manager that another process knew; what the environment says is for that one and is removed.</summary>
    /// <param name="path">NOTIFY_SOCKET, or null for no manager.</param>
    /// <param name="watchdogInterval">How long the manager waits for signs of life; null when it does not watch.</param>
    public static ServiceNotifier Inherit(string? path, TimeSpan? watchdogInterval)
    {
        _ = Take("NOTIFY_SOCKET");
        _ = Take("WATCHDOG_USEC");
        _ = Take("WATCHDOG_PID");
        return new ServiceNotifier(path, watchdogInterval);
    }

    /// <summary>Another process is the service from here on: the manager is told to watch that one, and nothing more from this one.</summary>
    /// <param name="process">Its id.</param>
    public void HandOver(int process)
    {
        Post(ReadyKind, string.Create(CultureInfo.InvariantCulture, $"MAINPID={process}"));
        _isMute = true;
    }

    /// <summary>Whether the manager does not read and something waits for it.</summary>
    public bool IsWaiting => _socket is { IsWaiting: true };

    /// <summary>The service is up: its sockets listen. Arrives as soon as the manager reads.</summary>
    public void Ready(string status) => Post(ReadyKind, $"READY=1\nSTATUS={OneLine(status)}");

    /// <summary>The service looks at its files again; <see cref="Ready"/> follows. The time lets the manager tell two such messages apart.</summary>
    public void Reloading() => Post(
        ReloadingKind,
        string.Create(
            CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={AioClock.Monotonic.NowNs / 1000}\nSTATUS=Reading the configuration again"));

    /// <summary>One line for <c>systemctl status</c>; the newest arrives as soon as the manager reads.</summary>
    public void Status(string status) => Post(StatusKind, $"STATUS={OneLine(status)}");

    /// <summary>The service goes down.</summary>
    public void Stopping() => Post(StoppingKind, "STOPPING=1\nSTATUS=Stopping");

    /// <summary>The service is alive now; lost when the manager does not read. Allocates nothing.</summary>
    public void Watchdog()
    {
        if (!_isMute)
        {
            _socket?.Offer("WATCHDOG=1"u8);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket?.Dispose();

    private static string? Take(string variable)
    {
        string? value = Environment.GetEnvironmentVariable(variable);
        if (value is not null)
        {
            Environment.SetEnvironmentVariable(variable, null);
        }

        return value;
    }

    private static ManagerSocket Connect(string path)
    {
        // A leading @ stands for the abstract name space, whose names begin with a zero byte.
        string name = path[0] == '@' ? string.Concat("\0", path.AsSpan(1)) : path;
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(name));
            return new ManagerSocket(socket);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new RefusalException(
                RefusalKind.Resource, $"NOTIFY_SOCKET={path} can't be reached ({e.Message}); unset it when no service manager started this", e);
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Post(int kind, string message)
    {
        if (!_isMute)
        {
            _socket?.Post(kind, Encoding.UTF8.GetBytes(message));
        }
    }
}
