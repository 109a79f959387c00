using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>sys/eventfd.h</content>
public static partial class LibC
{
    /// <summary>Each read takes one.</summary>
    public static int EFD_SEMAPHORE => Base.EFD_SEMAPHORE;

    /// <summary>Close on exec.</summary>
    public static int EFD_CLOEXEC => Base.EFD_CLOEXEC;

    /// <summary>Never block.</summary>
    public static int EFD_NONBLOCK => Base.EFD_NONBLOCK;

    /// <summary>Makes an eventfd.</summary>
    public static int eventfd(uint initval, int flags) => Base.eventfd(initval, flags);

    /// <summary>
    /// Adds to an eventfd. Only for one that this process made non-blocking and gave to nobody, since the collector waits for the call; 0 or -1, without errno.
    /// </summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int eventfd_write(int fd, ulong value);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static unsafe partial int eventfd_read(int fd, ulong* value);

    /// <summary>Takes an eventfd's counter. The same restriction as for <see cref="eventfd_write"/>; 0 or -1, without errno.</summary>
    public static unsafe int eventfd_read(int fd, out ulong value)
    {
        ulong local = 0;
        int r = eventfd_read(fd, &local);
        value = local;
        return r;
    }
}
