using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>malloc.h</content>
public static partial class LibC
{
    /// <summary>From how many bytes on an allocation is a mapping of its own. Setting it ends the C library's habit of raising it by itself.</summary>
    public const int M_MMAP_THRESHOLD = -3;

    /// <summary>Changes how the C library allocates: the whole process. 0 when it knows no such parameter.</summary>
    [LibraryImport("libc")]
    public static partial int mallopt(int param, int value);
}
