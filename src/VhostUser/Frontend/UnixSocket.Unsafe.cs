namespace VhostNet.VhostUser.Frontend;

/// <summary>Makes Unix sockets for front ends.</summary>
public static unsafe class UnixSocket
{
    /// <summary>Makes two connected sockets, for both ends in one process.</summary>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public static (FileDescriptor First, FileDescriptor Second) CreatePair()
    {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out int first, out int second) != 0)
        {
            Errno.Last.Throw("socketpair(AF_UNIX, SOCK_STREAM)");
        }

        return (new FileDescriptor(first), new FileDescriptor(second));
    }

    /// <summary>Connects to a path, once.</summary>
    /// <exception cref="ErrnoException">Nobody listens there.</exception>
    public static FileDescriptor Connect(string path)
    {
        FileDescriptor socket = FileDescriptor.FromResult(LibC.LibC.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket(AF_UNIX, SOCK_STREAM)");
        sockaddr_un address = sockaddr_un.FromPath(path);

        // SAFETY: the address lives on this frame during the call, and its size is given.
        if (connect(socket.Value, &address, (uint)sizeof(sockaddr_un)) != 0)
        {
            Errno errno = Errno.Last;
            socket.Dispose();
            errno.Throw($"connect({path})");
        }

        return socket;
    }

    /// <summary>Listens at a path, at which nothing may exist yet.</summary>
    /// <exception cref="ErrnoException">The path can't be bound.</exception>
    public static FileDescriptor Listen(string path)
    {
        FileDescriptor socket = FileDescriptor.FromResult(LibC.LibC.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket(AF_UNIX, SOCK_STREAM)");
        sockaddr_un address = sockaddr_un.FromPath(path);

        // SAFETY: the address lives on this frame during the call, and its size is given.
        if (bind(socket.Value, &address, (uint)sizeof(sockaddr_un)) != 0 || listen(socket.Value, 16) != 0)
        {
            Errno errno = Errno.Last;
            socket.Dispose();
            errno.Throw($"bind({path})");
        }

        return socket;
    }
}
