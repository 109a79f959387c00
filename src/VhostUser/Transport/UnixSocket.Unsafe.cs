namespace VhostNet.VhostUser.Transport;

/// <summary>The socket calls that take addresses.</summary>
internal static unsafe class UnixSocket
{
    /// <summary>Makes a non-blocking Unix stream socket.</summary>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public static FileDescriptor Create() =>
        FileDescriptor.FromResult(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket(AF_UNIX)");

    /// <summary>Connects to a path.</summary>
    /// <returns>The errno, 0 when connected.</returns>
    // SAFETY: the address is a local of the size that is passed.
    public static Errno Connect(FileDescriptor socket, string path)
    {
        sockaddr_un address = sockaddr_un.FromPath(path);
        return connect(socket.Value, &address, (uint)sizeof(sockaddr_un)) < 0 ? Errno.Last : default;
    }

    /// <summary>Binds to a path.</summary>
    /// <returns>The errno, 0 when bound.</returns>
    // SAFETY: the address is a local of the size that is passed.
    public static Errno Bind(FileDescriptor socket, string path)
    {
        sockaddr_un address = sockaddr_un.FromPath(path);
        return bind(socket.Value, &address, (uint)sizeof(sockaddr_un)) < 0 ? Errno.Last : default;
    }

    /// <summary>The process at the other end, or 0 when the kernel does not tell.</summary>
    public static int PeerProcess(FileDescriptor socket) => TryPeer(socket.Value, out ucred peer) ? peer.pid : 0;

    /// <summary>Who is at the other end of a connected Unix socket, as the kernel noted it when that one connected or began to listen.</summary>
    /// <exception cref="ErrnoException">It is no Unix socket.</exception>
    public static ucred PeerOf(int socket)
    {
        if (!TryPeer(socket, out ucred peer))
        {
            Errno.Last.Throw("getsockopt(SO_PEERCRED)");
        }

        return peer;
    }

    // SAFETY: length and structure are locals.
    private static bool TryPeer(int socket, out ucred peer)
    {
        ucred credentials = default;
        uint length = (uint)sizeof(ucred);
        bool isKnown = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0;
        peer = credentials;
        return isKnown;
    }

    /// <summary>Whether the peer has closed, without reading.</summary>
    public static bool HasHungUp(FileDescriptor socket)
    {
        Span<pollfd> set = [new pollfd { fd = socket.Value, events = POLLRDHUP }];
        return poll(set, 0) > 0 && (set[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    }
}
