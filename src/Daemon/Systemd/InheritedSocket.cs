using System.Net.Sockets;

namespace VhostNet.Daemon.Systemd;

/// <summary>A socket that was open when the daemon started.</summary>
/// <param name="Descriptor">The socket; whoever takes this owns it.</param>
/// <param name="Name">Its FileDescriptorName=, or empty.</param>
/// <param name="Path">The path that it is bound to, or null.</param>
internal sealed record InheritedSocket(FileDescriptor Descriptor, string Name, string? Path)
{
    /// <summary>Whether the path's name goes with this daemon, as it came from the one before; false for a service manager's socket.</summary>
    public bool IsOurs { get; init; }

    /// <summary>True when the socket listens, false when it is a connection.</summary>
    public bool IsListening => getsockopt(Descriptor.Value, SOL_SOCKET, SO_ACCEPTCONN, out int listening) == 0 && listening != 0;

    /// <summary>The path that a Unix socket is bound to; null when it is bound to none or is no Unix socket.</summary>
    public static string? PathOf(FileDescriptor descriptor)
    {
        try
        {
            using var socket = new Socket(new SafeSocketHandle(descriptor.Value, ownsHandle: false));
            return socket.LocalEndPoint is UnixDomainSocketEndPoint endPoint && endPoint.ToString() is { Length: > 0 } path ? path : null;
        }
        catch (SocketException)
        {
            // No socket, or of a family without paths: whoever wants to use the descriptor says what is wrong with it.
            return null;
        }
    }
}
