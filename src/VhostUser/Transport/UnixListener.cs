namespace VhostNet.VhostUser.Transport;

/// <summary>A listening Unix socket: bound to a path, whose name it removes again, or inherited. Control thread.</summary>
internal sealed class UnixListener : IDisposable
{
    private const int Backlog = 16;

    private readonly FileDescriptor _socket;
    private string? _path;
    private readonly ulong _inode;

    private UnixListener(FileDescriptor socket, string? path, ulong inode)
    {
        _socket = socket;
        _path = path;
        _inode = inode;
    }

    /// <summary>The socket's descriptor, to wait on.</summary>
    public FileDescriptor Socket => _socket;

    /// <summary>Whether the name goes with this object.</summary>
    public bool OwnsPath => _path is not null;

    /// <summary>Binds a path and listens. A socket left behind by a process that is gone is replaced; one that is alive is not.</summary>
    /// <param name="path">Path of at most 107 bytes.</param>
    /// <param name="mode">Permissions, as in chmod; null leaves what the umask gives.</param>
    /// <param name="owner">User id, or null to leave it.</param>
    /// <param name="group">Group id, or null to leave it.</param>
    /// <exception cref="ErrnoException">The path can't be bound, or its owner or mode not be set.</exception>
    /// <exception cref="SocketInUseException">The path is taken by a live socket.</exception>
    /// <exception cref="SocketOwnerException">This process may not give the socket to that user or group.</exception>
    /// <exception cref="IOException">The path is taken by something that is no socket.</exception>
    public static UnixListener Bind(string path, uint? mode = null, uint? owner = null, uint? group = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        FileDescriptor socket = UnixSocket.Create();
        bool bound = false;
        try
        {
            if (mode is { } early && fchmod(socket.Value, early) < 0)
            {
                // Set before the name exists, so that nobody can connect in between with more rights than wanted.
                Errno.Last.Throw($"fchmod of the socket for '{path}'");
            }

            BindReplacingStale(socket, path);
            bound = true;
            SetOwnerAndMode(path, mode, owner, group);
            if (listen(socket.Value, Backlog) < 0)
            {
                Errno.Last.Throw($"listen on '{path}'");
            }

            return new UnixListener(socket, path, statx(path, STATX_INO, out statx_t facts) == 0 ? facts.stx_ino : 0);
        }
        catch
        {
            if (bound)
            {
                _ = unlink(path);
            }

            socket.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a listening socket that was inherited.</summary>
    /// <param name="socket">The socket; owned from here on.</param>
    /// <param name="path">The name that is to be removed at the end; null to leave it alone.</param>
    public static UnixListener FromDescriptor(FileDescriptor socket, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return new UnixListener(socket, path, path is not null && statx(path, STATX_INO, out statx_t facts) == 0 ? facts.stx_ino : 0);
    }

    /// <summary>Another process goes on listening: the name is left alone at the end.</summary>
    public void Abandon() => _path = null;

    /// <summary>Whether a descriptor is a listening socket.</summary>
    /// <exception cref="ErrnoException">It is no socket at all.</exception>
    public static bool IsListening(FileDescriptor socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (getsockopt(socket.Value, SOL_SOCKET, SO_ACCEPTCONN, out int listening) < 0)
        {
            Errno.Last.Throw($"inherited descriptor {socket.Value} is not usable as a socket");
        }

        return listening != 0;
    }

    /// <summary>Takes a waiting connection, or returns null when there is none.</summary>
    /// <exception cref="ErrnoException">The process is out of descriptors or the like.</exception>
    public FileDescriptor? Accept()
    {
        int fd = accept4(_socket.Value, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
        {
            return new FileDescriptor(fd);
        }

        Errno error = Errno.Last;
        bool passes = error.Value is not (EMFILE or ENFILE or ENOMEM or ENOBUFS);
        if (error.ClassOf(CallKind.Accept) == ErrnoClass.Retry || (passes && error.ClassOf(CallKind.Accept) == ErrnoClass.Once))
        {
            // Nobody there, or that one connection is gone already.
            return null;
        }

        error.Throw($"accept on '{_path ?? _socket.ToString()}'");
        return null;
    }

    /// <summary>Stops listening and removes the name, if it is still this socket's.</summary>
    public void Dispose()
    {
        if (_path is not null && !_socket.IsClosed && statx(_path, STATX_INO, out statx_t facts) == 0 && facts.stx_ino == _inode)
        {
            _ = unlink(_path);
        }

        _socket.Dispose();
    }

    private static void BindReplacingStale(FileDescriptor socket, string path)
    {
        Errno error = UnixSocket.Bind(socket, path);
        if (error.Value == EADDRINUSE)
        {
            CheckStale(path);
            _ = unlink(path);
            error = UnixSocket.Bind(socket, path);
        }

        if (error.Value != 0)
        {
            error.Throw($"bind of the socket '{path}'");
        }
    }

    private static void CheckStale(string path)
    {
        if (statx(path, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) != S_IFSOCK)
        {
            throw new IOException($"'{path}' exists and is not a socket; remove it or choose another path");
        }

        using FileDescriptor probe = UnixSocket.Create();
        Errno error = UnixSocket.Connect(probe, path);
        if (error.Value is not (ECONNREFUSED or ENOENT))
        {
            throw new SocketInUseException(
                $"'{path}' belongs to a socket that is in use ({(error.Value == 0 ? "a process answers on it" : error.ToString())}); stop that process or choose another path");
        }
    }

    private static void SetOwnerAndMode(string path, uint? mode, uint? owner, uint? group)
    {
        if ((owner ?? group) is not null && chown(path, owner ?? uint.MaxValue, group ?? uint.MaxValue) < 0)
        {
            Errno error = Errno.Last;
            if (error.Value == EPERM)
            {
                throw new SocketOwnerException(path, owner, group);
            }

            error.Throw($"chown of '{path}' to user {owner?.ToString() ?? "unchanged"}, group {group?.ToString() ?? "unchanged"}");
        }

        if (mode is { } wanted && chmod(path, wanted) < 0)
        {
            Errno.Last.Throw($"chmod of '{path}' to {Convert.ToString(wanted, 8)}");
        }
    }
}
