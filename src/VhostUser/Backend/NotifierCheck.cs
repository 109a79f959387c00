using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Refuses descriptors that can't be event notifiers. Writing to a regular file or a device can block for as long as whoever serves it likes (FUSE, NFS),
/// and notifiers are written by threads that serve other guests as well.
/// </summary>
internal static class NotifierCheck
{
    /// <summary>Checks that a descriptor is an anonymous file (an eventfd), a pipe or a socket.</summary>
    /// <exception cref="ProtocolException">It is something else.</exception>
    public static void Check(FileDescriptor descriptor, RequestCode request, int ring)
    {
        if (statx(descriptor.Value, STATX_TYPE, out statx_t facts) < 0)
        {
            Errno.Last.Throw($"statx of the descriptor of {request} for ring {ring}");
        }

        // An anonymous file has no type at all.
        if ((facts.stx_mode & S_IFMT) is not (0 or S_IFSOCK or S_IFIFO))
        {
            throw new ProtocolException($"{request} of ring {ring} came with a file or device as descriptor (mode 0{Convert.ToString(facts.stx_mode, 8)}); an eventfd is right");
        }
    }
}
