namespace VhostNet.VhostUser.Frontend;

/// <summary>Two connected Unix stream sockets, for both ends in one process.</summary>
internal static class SocketPair
{
    /// <summary>Makes the pair; blocking, close-on-exec.</summary>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public static (FileDescriptor First, FileDescriptor Second) Create()
    {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out int first, out int second) != 0)
        {
            Errno.Last.Throw("socketpair(AF_UNIX, SOCK_STREAM)");
        }

        return (new FileDescriptor(first), new FileDescriptor(second));
    }
}
