using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>What fstatfs says; the members that are used here.</summary>
[StructLayout(LayoutKind.Sequential, Size = 120)]
[CLayout("statfs")]
public struct statfs_t
{
    /// <summary>Magic number of the file system.</summary>
    public nint f_type;

    /// <summary>Block size; the page size on hugetlbfs.</summary>
    public nint f_bsize;
}

/// <content>sys/vfs.h</content>
public static unsafe partial class LibC
{
    /// <summary>Facts about the file system of an open file.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int fstatfs(int fd, statfs_t* buf);

    /// <summary>Facts about the file system of an open file.</summary>
    public static int fstatfs(int fd, out statfs_t result)
    {
        statfs_t local = default;
        int r = fstatfs(fd, &local);
        result = local;
        return r;
    }
}
