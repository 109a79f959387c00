using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Qemu;

/// <summary>A daemon for one guest: it inherits the socket, which stands in a directory that nobody else can enter, and ends with whoever started it.</summary>
internal sealed class GuestDaemon : IDisposable
{
    private const int Backlog = 16;
    private const string Setsid = "/usr/bin/setsid";
    private static readonly TimeSpan s_ready = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_end = TimeSpan.FromSeconds(3);
    private readonly DirectoryInfo _directory;
    private readonly Process _process;

    private GuestDaemon(DirectoryInfo directory, Process process)
    {
        _directory = directory;
        _process = process;
    }

    /// <summary>Path of the socket that the guest's front end connects to.</summary>
    public string Socket => Path.Combine(_directory.FullName, "guest.sock");

    /// <summary>Path of the control socket.</summary>
    public string Control => Path.Combine(_directory.FullName, "control.sock");

    /// <summary>Starts the daemon and waits until it is ready.</summary>
    /// <param name="options">Options of its quick form.</param>
    /// <exception cref="CtlException">It refused to start; its own sentence stands on standard error already.</exception>
    public static GuestDaemon Start(IReadOnlyList<string> options)
    {
        // Only this user may enter it (mkdtemp makes it 0700), so that nobody else reaches the sockets whatever their mode is.
        DirectoryInfo directory = Directory.CreateTempSubdirectory("vhostnet-");
        Process? process = null;
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            // The framework removes the name that it has bound when the socket is closed, and this one shall stay.
            string bound = Path.Combine(directory.FullName, "new.sock");
            listener.Bind(new UnixDomainSocketEndPoint(bound));
            File.Move(bound, Path.Combine(directory.FullName, "guest.sock"));
            listener.Listen(Backlog);
            using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            string notifyPath = Path.Combine(directory.FullName, "ready");
            notify.Bind(new UnixDomainSocketEndPoint(notifyPath));
            notify.ReceiveTimeout = 100;
            process = Spawn(listener, notifyPath, Path.Combine(directory.FullName, "control.sock"), options);
            WaitUntilReady(process, notify);
            return new GuestDaemon(directory, process);
        }
        catch
        {
            process?.Dispose();
            directory.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>Ends the daemon and removes its directory.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _ = kill(_process.Id, SIGTERM);
            if (!_process.WaitForExit(s_end))
            {
                _process.Kill();
                _process.WaitForExit();
            }
        }

        _process.Dispose();
        _directory.Delete(recursive: true);
    }

    private static Process Spawn(Socket listener, string notifyPath, string control, IReadOnlyList<string> options)
    {
        int descriptor = (int)listener.Handle;
        string[] arguments = ["--fd", descriptor.ToString(CultureInfo.InvariantCulture), "--control", control, .. options];
        // Ctrl-C is for QEMU, which may go on after it; where setsid is missing, the terminal's signals reach the daemon too.
        var start = File.Exists(Setsid) ? new ProcessStartInfo(Setsid, [DaemonProgram.Path, .. arguments]) : new ProcessStartInfo(DaemonProgram.Path,
            arguments);
        start.Environment["NOTIFY_SOCKET"] = notifyPath;
        _ = fcntl(descriptor, F_SETFD, 0);
        try
        {
            return DaemonProgram.Start(start);
        }
        finally
        {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        }
    }

    private static void WaitUntilReady(Process process, Socket notify)
    {
        byte[] message = new byte[4096];
        long start = Stopwatch.GetTimestamp();
        bool told = false;
        while (Stopwatch.GetElapsedTime(start) < s_ready)
        {
            try
            {
                if (Encoding.UTF8.GetString(message, 0, notify.Receive(message)).Contains("READY=1", StringComparison.Ordinal))
                {
                    Screen.Progress(string.Empty);
                    return;
                }
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
                if (process.HasExited)
                {
                    throw new CtlException(process.ExitCode is 2 or 3 ? (CtlExit)process.ExitCode : CtlExit.Refused,
                        "the daemon did not start, for the reason above; QEMU was not started");
                }

                if (!told && Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(1))
                {
                    told = true;
                    Screen.Progress("waiting for vhostnetd to be ready …");
                }
            }
        }

        process.Kill();
        throw new CtlException(
            CtlExit.Unreachable,
            string.Create(CultureInfo.InvariantCulture, $"the daemon was not ready within {s_ready.TotalSeconds:0} s; QEMU was not started"));
    }
}
