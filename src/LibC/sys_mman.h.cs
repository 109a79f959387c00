using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>sys/mman.h</content>
public static partial class LibC
{
    /// <summary>No access.</summary>
    public const int PROT_NONE = 0;

    /// <summary>Readable.</summary>
    public const int PROT_READ = 1;

    /// <summary>Writable.</summary>
    public const int PROT_WRITE = 2;

    /// <summary>Executable.</summary>
    public const int PROT_EXEC = 4;

    /// <summary>Shared with other mappings.</summary>
    public const int MAP_SHARED = 1;

    /// <summary>Copy on write.</summary>
    public const int MAP_PRIVATE = 2;

    /// <summary>Exactly at the given address.</summary>
    public const int MAP_FIXED = 0x10;

    /// <summary>Exactly there, and fail if something is there.</summary>
    public const int MAP_FIXED_NOREPLACE = 0x100000;

    /// <summary>No file behind it.</summary>
    public const int MAP_ANONYMOUS = 0x20;

    /// <summary>Do not reserve swap space.</summary>
    public const int MAP_NORESERVE = 0x4000;

    /// <summary>Lock the pages.</summary>
    public const int MAP_LOCKED = 0x2000;

    /// <summary>Fault the pages in at once.</summary>
    public const int MAP_POPULATE = 0x8000;

    /// <summary>From huge pages.</summary>
    public const int MAP_HUGETLB = 0x40000;

    /// <summary>No advice.</summary>
    public const int MADV_NORMAL = 0;

    /// <summary>Random access.</summary>
    public const int MADV_RANDOM = 1;

    /// <summary>Sequential access.</summary>
    public const int MADV_SEQUENTIAL = 2;

    /// <summary>Will be needed soon.</summary>
    public const int MADV_WILLNEED = 3;

    /// <summary>Free the pages.</summary>
    public const int MADV_DONTNEED = 4;

    /// <summary>Punch a hole into the file.</summary>
    public const int MADV_REMOVE = 9;

    /// <summary>Not inherited by a child.</summary>
    public const int MADV_DONTFORK = 0xa;

    /// <summary>Use transparent huge pages.</summary>
    public const int MADV_HUGEPAGE = 0xe;

    /// <summary>Do not.</summary>
    public const int MADV_NOHUGEPAGE = 0xf;

    /// <summary>Leave out of core dumps.</summary>
    public const int MADV_DONTDUMP = 0x10;

    /// <summary>Include in core dumps.</summary>
    public const int MADV_DODUMP = 0x11;

    /// <summary>Fault in for reading.</summary>
    public const int MADV_POPULATE_READ = 0x16;

    /// <summary>Fault in for writing.</summary>
    public const int MADV_POPULATE_WRITE = 0x17;

    /// <summary>Close on exec.</summary>
    public const uint MFD_CLOEXEC = 1;

    /// <summary>Allow seals.</summary>
    public const uint MFD_ALLOW_SEALING = 2;

    /// <summary>From huge pages.</summary>
    public const uint MFD_HUGETLB = 4;

    /// <summary>msync: start writing.</summary>
    public const int MS_ASYNC = 1;

    /// <summary>msync: write and wait.</summary>
    public const int MS_SYNC = 4;

    /// <summary>mlockall: what is mapped now.</summary>
    public const int MCL_CURRENT = 1;

    /// <summary>mlockall: what will be mapped.</summary>
    public const int MCL_FUTURE = 2;

    /// <summary>mlockall: when first touched.</summary>
    public const int MCL_ONFAULT = 4;

    /// <summary>What mmap returns when it fails.</summary>
    public const nint MAP_FAILED = -1;

    /// <summary>Maps memory.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint mmap(nint addr, nuint length, int prot, int flags, int fd, long offset);

    /// <summary>Unmaps memory.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(nint addr, nuint length);

    /// <summary>Changes the access of a mapping.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int mprotect(nint addr, nuint len, int prot);

    /// <summary>Advises the kernel.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int madvise(nint addr, nuint length, int advice);

    /// <summary>Writes a shared mapping back.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int msync(nint addr, nuint length, int flags);

    /// <summary>Locks pages into memory.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int mlock(nint addr, nuint len);

    /// <summary>Locks the process's pages.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int mlockall(int flags);

    /// <summary>Makes an anonymous file.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int memfd_create(string name, uint flags);
}
