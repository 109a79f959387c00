using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// Refuses descriptors that are no event notifiers. Reading or writing anything else can block for as long as whoever serves it likes (FUSE, NFS, a full
/// pipe), and notifiers are used by threads that serve other guests as well.
/// </summary>
internal static class NotifierCheck
{
    /// <summary>Checks that a descriptor is an eventfd.</summary>
    /// <exception cref="ProtocolException">It is something else.</exception>
    /// <exception cref="ErrnoException">It can't be examined.</exception>
    public static void Check(FileDescriptor descriptor, RequestCode request, int ring)
    {
        if (StrangerFile.FindOther(descriptor) is { } other)
        {
            throw new ProtocolException($"{request} of ring {ring} came with {other} as descriptor; an eventfd is right");
        }
    }
}
