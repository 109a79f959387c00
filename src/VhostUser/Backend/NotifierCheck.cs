using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Refuses descriptors that are no event notifiers. Reading or writing anything else can block for as long as whoever serves it likes (FUSE, NFS, a full
/// pipe), and notifiers are used by threads that serve other guests as well.
/// </summary>
internal static class NotifierCheck
{
    private const string EventFdName = "anon_inode:[eventfd]";

    /// <summary>Checks that a descriptor is an eventfd.</summary>
    /// <exception cref="ProtocolException">It is something else.</exception>
    public static void Check(FileDescriptor descriptor, RequestCode request, int ring)
    {
        if (statx(descriptor.Value, STATX_TYPE, out statx_t facts) < 0)
        {
            Errno.Last.Throw($"statx of the descriptor of {request} for ring {ring}");
        }

        // An anonymous file has no type at all; which kind it is, only /proc tells, where there is one.
        string? name = (facts.stx_mode & S_IFMT) == 0 ? NameOf(descriptor) : $"a file of mode 0{Convert.ToString(facts.stx_mode, 8)}";
        if (name is not null && name != EventFdName)
        {
            throw new ProtocolException($"{request} of ring {ring} came with {name} as descriptor; an eventfd is right");
        }
    }

    private static string? NameOf(FileDescriptor descriptor)
    {
        try
        {
            return new FileInfo($"/proc/self/fd/{descriptor.Value}").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
