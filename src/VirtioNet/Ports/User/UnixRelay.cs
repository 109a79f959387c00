using System.Net.Sockets;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// A Unix socket of our own for libslirp to connect to: its connect(2) blocks while the listener's queue is full, and ours never is, as each connection is
/// taken before the library goes on. It has no name in the file system; the library reaches it by a descriptor in /proc.
/// </summary>
internal sealed class UnixRelay : IDisposable
{
    private const int PathMax = 107;

    private readonly FileDescriptor _listener;
    private readonly FileDescriptor _file;

    /// <summary>Makes the socket.</summary>
    /// <param name="what">What error texts begin with.</param>
    /// <exception cref="PortException">There is no place for it.</exception>
    public UnixRelay(string what)
    {
        string directory;
        try
        {
            directory = Directory.CreateTempSubdirectory("vhostnet-").FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PortException(
                $"{what}: a guest forward needs a directory for temporary files; {Path.GetTempPath()} is none that can be written to ({e.Message})", e);
        }

        string path = Path.Combine(directory, "s");
        try
        {
            if (path.Length > PathMax)
            {
                throw new PortException($"{what}: the path of {Path.GetTempPath()} is too long for a socket; set TMPDIR to a shorter one");
            }

            _listener = FileDescriptor.FromResult(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
            int error = SocketCalls.Bind(_listener, new UnixDomainSocketEndPoint(path));
            if (error != 0 || listen(_listener.Value, 16) < 0)
            {
                throw new PortException($"{what}: {new Errno(error != 0 ? error : errno)}");
            }

            _file = FileDescriptor.FromResult(open(path, O_PATH | O_CLOEXEC, 0), $"open({path})");
        }
        catch
        {
            _listener?.Dispose();
            throw;
        }
        finally
        {
            _ = unlink(path);
            Directory.Delete(directory);
        }
    }

    /// <summary>The path that leads to the socket, within this process.</summary>
    public string ConnectPath => $"/proc/self/fd/{_file.Value}";

    /// <summary>Takes a connection that was just made; null when there is none.</summary>
    public FileDescriptor? Accept()
    {
        int fd = accept4(_listener.Value, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return fd < 0 ? null : new FileDescriptor(fd);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _file.Dispose();
    }
}
