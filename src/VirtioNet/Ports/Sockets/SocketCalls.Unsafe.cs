using System.Net;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>Socket calls with the framework's addresses.</summary>
// SAFETY: SocketAddress holds the bytes of a struct sockaddr of its Size, and is pinned for the call.
internal static unsafe class SocketCalls
{
    private const int BufferBytes = 4 << 20;

    /// <summary>Makes a non-blocking socket with buffers as large as allowed.</summary>
    /// <exception cref="ErrnoException">It can't be made.</exception>
    public static FileDescriptor Open(int family, int type, int protocol = 0)
    {
        var fd = FileDescriptor.FromResult(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), $"socket({family}, {type})");
        foreach ((int force, int option) in ((int, int)[])[(SO_SNDBUFFORCE, SO_SNDBUF), (SO_RCVBUFFORCE, SO_RCVBUF)])
        {
            if (setsockopt(fd.Value, SOL_SOCKET, force, BufferBytes) < 0)
            {
                // Without the privilege the kernel gives what net.core allows; less is slower, not wrong.
                _ = setsockopt(fd.Value, SOL_SOCKET, option, BufferBytes);
            }
        }

        return fd;
    }

    /// <summary>bind; returns 0 or the error number.</summary>
    public static int Bind(FileDescriptor fd, EndPoint endPoint)
    {
        SocketAddress address = endPoint.Serialize();
        fixed (byte* p = address.Buffer.Span)
        {
            return bind(fd.Value, p, (uint)address.Size) < 0 ? errno : 0;
        }
    }

    /// <summary>connect; returns 0 or the error number.</summary>
    public static int Connect(FileDescriptor fd, EndPoint endPoint)
    {
        SocketAddress address = endPoint.Serialize();
        fixed (byte* p = address.Buffer.Span)
        {
            return connect(fd.Value, p, (uint)address.Size) < 0 ? errno : 0;
        }
    }

    /// <summary>The IP address of a connection's other end; null when it has none, or is not connected any more.</summary>
    public static IPAddress? PeerAddress(FileDescriptor fd)
    {
        var address = new SocketAddress(System.Net.Sockets.AddressFamily.InterNetworkV6);
        fixed (byte* p = address.Buffer.Span)
        {
            uint length = (uint)address.Size;
            if (getpeername(fd.Value, p, &length) < 0)
            {
                return null;
            }

            return ((sockaddr*)p)->sa_family switch
            {
                AF_INET => new IPAddress(new ReadOnlySpan<byte>(&((sockaddr_in*)p)->sin_addr, 4)),
                AF_INET6 => new IPAddress(new ReadOnlySpan<byte>(&((sockaddr_in6*)p)->sin6_addr, 16), ((sockaddr_in6*)p)->sin6_scope_id),
                _ => null,
            };
        }
    }

    /// <summary>Undoes connect, and forgets the address of this host that it chose; returns 0 or the error number.</summary>
    public static int Disconnect(FileDescriptor fd)
    {
        sockaddr none = new() { sa_family = (ushort)AF_UNSPEC };
        return connect(fd.Value, &none, (uint)sizeof(sockaddr)) < 0 ? errno : 0;
    }

    /// <summary>Binds a Unix socket to a path, in place of a socket file that nobody listens at any more.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="endpoint">The path.</param>
    /// <param name="type">SOCK_STREAM or SOCK_DGRAM.</param>
    /// <param name="what">What error texts begin with.</param>
    /// <exception cref="PortException">The path can't be used.</exception>
    public static void BindUnix(FileDescriptor fd, SocketEndpoint endpoint, int type, string what)
    {
        int error = Bind(fd, endpoint.EndPoint);
        if (error == EADDRINUSE)
        {
            if (statx(endpoint.Path!, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) != S_IFSOCK)
            {
                throw new PortException($"{what}: {endpoint} exists and is not a socket; remove it or choose another path");
            }

            using FileDescriptor probe = Open(AF_UNIX, type);
            if (Connect(probe, endpoint.EndPoint) is not (ECONNREFUSED or ENOENT))
            {
                throw new PortException($"{what}: {endpoint} is in use by another program; end that program or choose another path");
            }

            _ = unlink(endpoint.Path!);
            error = Bind(fd, endpoint.EndPoint);
        }

        if (error != 0)
        {
            throw new PortException(error switch
            {
                ENOENT => $"{what}: the directory of {endpoint} does not exist; make it first",
                EACCES => $"{what}: {endpoint} can't be made for want of permission; choose a directory that user {geteuid()} may write to",
                _ => $"{what}: binding {endpoint} failed: {new Errno(error)}",
            });
        }
    }
}
