using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>sys/eventfd.h</content>
public static partial class LibC
{
    /// <summary>Each read takes one.</summary>
    public const int EFD_SEMAPHORE = 1;

    /// <summary>Close on exec.</summary>
    public const int EFD_CLOEXEC = 0x80000;

    /// <summary>Never block.</summary>
    public const int EFD_NONBLOCK = 0x800;

    /// <summary>Makes an eventfd.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initval, int flags);
}
