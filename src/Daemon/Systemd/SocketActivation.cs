using System.Globalization;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Sockets that the service manager opened for us (sd_listen_fds(3)): descriptors from 3 on, with names from FileDescriptorName=. A port takes the socket
/// that is bound to its path, or the one that has its name.
/// </summary>
internal sealed class SocketActivation : IDisposable
{
    private const int FirstDescriptor = 3;
    private readonly List<InheritedSocket> _sockets;

    private SocketActivation(List<InheritedSocket> sockets) => _sockets = sockets;

    /// <summary>Sockets that another process handed over; they are this object's until somebody takes them.</summary>
    public static SocketActivation Of(IEnumerable<InheritedSocket> sockets) => new([.. sockets]);

    /// <summary>The sockets that nobody took yet.</summary>
    public IReadOnlyList<InheritedSocket> Remaining => _sockets;

    /// <summary>Reads LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, and removes them from the environment.</summary>
    public static SocketActivation FromEnvironment()
    {
        string? count = Take("LISTEN_FDS");
        string? pid = Take("LISTEN_PID");
        string[] names = Take("LISTEN_FDNAMES")?.Split(':') ?? [];
        var sockets = new List<InheritedSocket>();
        if (pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int n))
        {
            for (int i = 0; i < n; i++)
            {
                // The manager passes descriptors that survive exec; our own children shall not get them.
                var descriptor = new FileDescriptor(FirstDescriptor + i);
                if (fcntl(descriptor.Value, F_SETFD, FD_CLOEXEC) != 0)
                {
                    descriptor.Release();
                    throw new RefusalException(
                        RefusalKind.Wrong, $"LISTEN_FDS={count} promises descriptor {FirstDescriptor + i}, which is not open; unset LISTEN_FDS");
                }

                sockets.Add(new InheritedSocket(descriptor, i < names.Length ? names[i] : string.Empty, InheritedSocket.PathOf(descriptor)));
            }
        }

        return new SocketActivation(sockets);
    }

    /// <summary>
    /// Takes the socket that is bound to <paramref name="path"/> or else named <paramref name="name"/>; null when there is none. The path comes first, because
    /// all sockets of one socket unit have the same name.
    /// </summary>
    public InheritedSocket? Take(string name, string? path)
    {
        InheritedSocket? found = (path is null ? null : _sockets.Find(s => s.Path == path)) ?? _sockets.Find(s => s.Name == name);
        if (found is not null)
        {
            _sockets.Remove(found);
        }

        return found;
    }

    /// <summary>Closes what nobody took.</summary>
    public void Dispose()
    {
        foreach (InheritedSocket socket in _sockets)
        {
            socket.Descriptor.Dispose();
        }

        _sockets.Clear();
    }

    private static string? Take(string variable)
    {
        string? value = Environment.GetEnvironmentVariable(variable);
        if (value is not null)
        {
            Environment.SetEnvironmentVariable(variable, null);
        }

        return value;
    }
}
