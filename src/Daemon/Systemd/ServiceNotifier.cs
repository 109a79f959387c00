using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Tells the service manager how the daemon is (sd_notify(3)): one datagram for each message to the socket that NOTIFY_SOCKET names. Without that variable
/// every call does nothing. Any thread.
/// </summary>
internal sealed class ServiceNotifier : IDisposable
{
    private readonly Socket? _socket;
    private readonly byte[] _watchdogMessage = "WATCHDOG=1"u8.ToArray();

    private ServiceNotifier(Socket? socket, TimeSpan? watchdogInterval)
    {
        _socket = socket;
        WatchdogInterval = watchdogInterval;
    }

    /// <summary>How long the manager waits for <see cref="Watchdog"/> before it restarts the service; null when it does not watch.</summary>
    public TimeSpan? WatchdogInterval { get; }

    /// <summary>Whether somebody listens.</summary>
    public bool IsActive => _socket is not null;

    /// <summary>Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment, because they are meant for this process only.</summary>
    public static ServiceNotifier FromEnvironment()
    {
        string? path = Take("NOTIFY_SOCKET");
        string? microseconds = Take("WATCHDOG_USEC");
        string? pid = Take("WATCHDOG_PID");
        if (path is null or "")
        {
            return new ServiceNotifier(null, null);
        }

        TimeSpan? interval = null;
        if (long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0
            && (pid is null || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)))
        {
            interval = TimeSpan.FromMicroseconds(value);
        }

        return new ServiceNotifier(Connect(path), interval);
    }

    /// <summary>The service is up: its sockets listen.</summary>
    public void Ready(string status) => Send($"READY=1\nSTATUS={OneLine(status)}");

    /// <summary>One line for <c>systemctl status</c>.</summary>
    public void Status(string status) => Send($"STATUS={OneLine(status)}");

    /// <summary>The service goes down.</summary>
    public void Stopping() => Send("STOPPING=1\nSTATUS=Stopping");

    /// <summary>The service is alive. Allocates nothing.</summary>
    public void Watchdog() => Send(_watchdogMessage);

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

    private static Socket? Connect(string path)
    {
        // A leading @ stands for the abstract name space, whose names begin with a zero byte.
        string name = path[0] == '@' ? string.Concat("\0", path.AsSpan(1)) : path;
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(name));
            return socket;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new StartupException(ExitCode.Resource, $"NOTIFY_SOCKET={path} can't be reached ({e.Message}); unset it when no service manager started this", e);
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Send(string message)
    {
        if (_socket is not null)
        {
            Send(Encoding.UTF8.GetBytes(message));
        }
    }

    private void Send(byte[] message)
    {
        try
        {
            _ = _socket?.Send(message);
        }
        catch (SocketException)
        {
            // The manager went away or is being re-executed; it will judge us by what arrives later.
        }
        catch (ObjectDisposedException)
        {
            // A watchdog tick may still run while the daemon ends.
        }
    }
}
