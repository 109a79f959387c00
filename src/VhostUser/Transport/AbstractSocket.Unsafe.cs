using System.Text;

namespace VhostNet.VhostUser.Transport;

/// <summary>
/// Unix stream sockets whose names are no files (unix(7), "abstract"): they need no directory that may be written, and leave nothing behind. Whoever shares the
/// network namespace can connect, so that the peer's account has to be looked at. Any thread.
/// </summary>
internal static unsafe class AbstractSocket
{
    /// <summary>Most bytes of a name.</summary>
    public const int NameMax = 100;

    /// <summary>Listens at a name.</summary>
    /// <param name="name">The name without the zero byte before it.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the name is taken.</exception>
    /// <exception cref="ArgumentException">The name is empty or too long.</exception>
    // SAFETY: the address is a local of the size that is passed.
    public static FileDescriptor Listen(string name)
    {
        sockaddr_un address = AddressOf(name, out uint length);
        FileDescriptor socket = UnixSocket.Create();
        if (bind(socket.Value, &address, length) < 0 || listen(socket.Value, 4) < 0)
        {
            Errno why = Errno.Last;
            socket.Dispose();
            why.Throw($"bind of the socket '@{name}'");
        }

        return socket;
    }

    /// <summary>Connects to a name.</summary>
    /// <exception cref="ErrnoException">Nobody listens there.</exception>
    /// <exception cref="ArgumentException">The name is empty or too long.</exception>
    // SAFETY: the address is a local of the size that is passed.
    public static FileDescriptor Connect(string name)
    {
        sockaddr_un address = AddressOf(name, out uint length);
        FileDescriptor socket = UnixSocket.Create();
        if (connect(socket.Value, &address, length) < 0)
        {
            Errno why = Errno.Last;
            socket.Dispose();
            why.Throw($"connect to the socket '@{name}'");
        }

        return socket;
    }

    /// <summary>Takes a waiting connection, or returns null when there is none.</summary>
    public static FileDescriptor? Accept(FileDescriptor listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        int fd = accept4(listener.Value, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return fd < 0 ? null : new FileDescriptor(fd);
    }

    // SAFETY: the name is checked to fit behind the zero byte.
    private static sockaddr_un AddressOf(string name, out uint length)
    {
        int bytes = Encoding.UTF8.GetByteCount(name);
        if (bytes is 0 or > NameMax)
        {
            throw new ArgumentException($"the socket name '{name}' takes {bytes} bytes; 1 to {NameMax} are allowed", nameof(name));
        }

        sockaddr_un address = new() { sun_family = (ushort)AF_UNIX };
        Encoding.UTF8.GetBytes(name, new Span<byte>(address.sun_path + 1, bytes));
        length = (uint)(sizeof(ushort) + 1 + bytes);
        return address;
    }
}
