using System.Runtime.InteropServices.Marshalling;

namespace VhostNet.LibC;

/// <content>sys/mman.h</content>
public static unsafe partial class LibC
{
    /// <summary>No access.</summary>
    public static int PROT_NONE => Base.PROT_NONE;

    /// <summary>Readable.</summary>
    public const int PROT_READ = 1;

    /// <summary>Writable.</summary>
    public const int PROT_WRITE = 2;

    /// <summary>Executable.</summary>
    public static int PROT_EXEC => Base.PROT_EXEC;

    /// <summary>Shared with other mappings.</summary>
    public static int MAP_SHARED => Base.MAP_SHARED;

    /// <summary>Copy on write.</summary>
    public static int MAP_PRIVATE => Base.MAP_PRIVATE;

    /// <summary>Exactly at the given address.</summary>
    public static int MAP_FIXED => Base.MAP_FIXED;

    /// <summary>Exactly there, and fail if something is there.</summary>
    public static int MAP_FIXED_NOREPLACE => Base.MAP_FIXED_NOREPLACE;

    /// <summary>No file behind it.</summary>
    public static int MAP_ANONYMOUS => Base.MAP_ANONYMOUS;

    /// <summary>Do not reserve swap space.</summary>
    public static int MAP_NORESERVE => Base.MAP_NORESERVE;

    /// <summary>Lock the pages.</summary>
    public static int MAP_LOCKED => Base.MAP_LOCKED;

    /// <summary>Fault the pages in at once.</summary>
    public static int MAP_POPULATE => Base.MAP_POPULATE;

    /// <summary>From huge pages.</summary>
    public static int MAP_HUGETLB => Base.MAP_HUGETLB;

    /// <summary>No advice.</summary>
    public static int MADV_NORMAL => Base.MADV_NORMAL;

    /// <summary>Random access.</summary>
    public static int MADV_RANDOM => Base.MADV_RANDOM;

    /// <summary>Sequential access.</summary>
    public static int MADV_SEQUENTIAL => Base.MADV_SEQUENTIAL;

    /// <summary>Will be needed soon.</summary>
    public static int MADV_WILLNEED => Base.MADV_WILLNEED;

    /// <summary>Free the pages.</summary>
    public static int MADV_DONTNEED => Base.MADV_DONTNEED;

    /// <summary>Punch a hole into the file.</summary>
    public static int MADV_REMOVE => Base.MADV_REMOVE;

    /// <summary>Not inherited by a child.</summary>
    public static int MADV_DONTFORK => Base.MADV_DONTFORK;

    /// <summary>Use transparent huge pages.</summary>
    public static int MADV_HUGEPAGE => Base.MADV_HUGEPAGE;

    /// <summary>Do not.</summary>
    public static int MADV_NOHUGEPAGE => Base.MADV_NOHUGEPAGE;

    /// <summary>Leave out of core dumps.</summary>
    public static int MADV_DONTDUMP => Base.MADV_DONTDUMP;

    /// <summary>Include in core dumps.</summary>
    public static int MADV_DODUMP => Base.MADV_DODUMP;

    /// <summary>Fault in for reading.</summary>
    public const int MADV_POPULATE_READ = 0x16;

    /// <summary>Fault in for writing.</summary>
    public const int MADV_POPULATE_WRITE = 0x17;

    /// <summary>Close on exec.</summary>
    public static uint MFD_CLOEXEC => Base.MFD_CLOEXEC;

    /// <summary>Allow seals.</summary>
    public static uint MFD_ALLOW_SEALING => Base.MFD_ALLOW_SEALING;

    /// <summary>From huge pages.</summary>
    public static uint MFD_HUGETLB => Base.MFD_HUGETLB;

    /// <summary>msync: start writing.</summary>
    public static int MS_ASYNC => Base.MS_ASYNC;

    /// <summary>msync: write and wait.</summary>
    public static int MS_SYNC => Base.MS_SYNC;

    /// <summary>mlockall: what is mapped now.</summary>
    public static int MCL_CURRENT => Base.MCL_CURRENT;

    /// <summary>mlockall: what will be mapped.</summary>
    public static int MCL_FUTURE => Base.MCL_FUTURE;

    /// <summary>mlockall: when first touched.</summary>
    public static int MCL_ONFAULT => Base.MCL_ONFAULT;

    /// <summary>What mmap returns when it fails.</summary>
    public const nint MAP_FAILED = -1;

    /// <summary>Maps memory.</summary>
    public static nint mmap(nint addr, nuint length, int prot, int flags, int fd, long offset) =>
        (nint)Base.mmap((void*)addr, (Tmds.Linux.size_t)length, prot, flags, fd, offset);

    /// <summary>Unmaps memory.</summary>
    public static int munmap(nint addr, nuint length) => Base.munmap((void*)addr, (Tmds.Linux.size_t)length);

    /// <summary>Changes the access of a mapping.</summary>
    public static int mprotect(nint addr, nuint len, int prot) => Base.mprotect((void*)addr, (Tmds.Linux.size_t)len, prot);

    /// <summary>Advises the kernel.</summary>
    public static int madvise(nint addr, nuint length, int advice) => Base.madvise((void*)addr, (Tmds.Linux.size_t)length, advice);

    /// <summary>Writes a shared mapping back.</summary>
    public static int msync(nint addr, nuint length, int flags) => Base.msync((void*)addr, (Tmds.Linux.size_t)length, flags);

    /// <summary>Locks pages into memory.</summary>
    public static int mlock(nint addr, nuint len) => Base.mlock((void*)addr, (Tmds.Linux.size_t)len);

    /// <summary>Locks the process's pages.</summary>
    public static int mlockall(int flags) => Base.mlockall(flags);

    /// <summary>Makes an anonymous file.</summary>
    public static int memfd_create(string name, uint flags)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(name);
        int result = Base.memfd_create(text, flags);
        Utf8StringMarshaller.Free(text);
        return result;
    }
}
