using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>A time stamp of statx.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct statx_timestamp
{
    /// <summary>Seconds.</summary>
    public long tv_sec;

    /// <summary>Nanoseconds.</summary>
    public uint tv_nsec;

    private readonly int __reserved;
}

/// <summary>What statx says; the same on every architecture.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
[CLayout("statx")]
public struct statx_t
{
    /// <summary>Fields that are filled.</summary>
    public uint stx_mask;

    /// <summary>Block size for input and output.</summary>
    public uint stx_blksize;

    /// <summary>Attributes.</summary>
    public ulong stx_attributes;

    /// <summary>Links.</summary>
    public uint stx_nlink;

    /// <summary>Owner.</summary>
    public uint stx_uid;

    /// <summary>Group.</summary>
    public uint stx_gid;

    /// <summary>Type and permissions.</summary>
    public ushort stx_mode;

    private readonly ushort __spare0;

    /// <summary>Inode number.</summary>
    public ulong stx_ino;

    /// <summary>Bytes.</summary>
    public ulong stx_size;

    /// <summary>Blocks of 512 bytes.</summary>
    public ulong stx_blocks;

    /// <summary>Attributes that are supported.</summary>
    public ulong stx_attributes_mask;

    /// <summary>Last access.</summary>
    public statx_timestamp stx_atime;

    /// <summary>Creation.</summary>
    public statx_timestamp stx_btime;

    /// <summary>Last change of the inode.</summary>
    public statx_timestamp stx_ctime;

    /// <summary>Last change of the data.</summary>
    public statx_timestamp stx_mtime;

    /// <summary>Device of a special file.</summary>
    public uint stx_rdev_major;

    /// <summary>Device of a special file.</summary>
    public uint stx_rdev_minor;

    /// <summary>Device of the file system.</summary>
    public uint stx_dev_major;

    /// <summary>Device of the file system.</summary>
    public uint stx_dev_minor;
}

/// <content>sys/stat.h</content>
public static unsafe partial class LibC
{
    /// <summary>Mask of the file's type.</summary>
    public const int S_IFMT = 0xf000;

    /// <summary>Socket.</summary>
    public const int S_IFSOCK = 0xc000;

    /// <summary>Pipe.</summary>
    public const int S_IFIFO = 0x1000;

    /// <summary>Regular file.</summary>
    public const int S_IFREG = 0x8000;

    /// <summary>Directory.</summary>
    public const int S_IFDIR = 0x4000;

    /// <summary>Mode: symbolic link.</summary>
    public const int S_IFLNK = 0xa000;

    /// <summary>Character device.</summary>
    public const int S_IFCHR = 0x2000;

    /// <summary>Owner may read.</summary>
    public const int S_IRUSR = 0x100;

    /// <summary>Owner may write.</summary>
    public const int S_IWUSR = 0x80;

    /// <summary>Owner may execute.</summary>
    public const int S_IXUSR = 0x40;

    /// <summary>Group may read.</summary>
    public const int S_IRGRP = 0x20;

    /// <summary>Group may write.</summary>
    public const int S_IWGRP = 0x10;

    /// <summary>Others may read.</summary>
    public const int S_IROTH = 0x4;

    /// <summary>Others may write.</summary>
    public const int S_IWOTH = 0x2;

    /// <summary>statx: the type.</summary>
    public const uint STATX_TYPE = 1;

    /// <summary>statx: the mode.</summary>
    public const uint STATX_MODE = 2;

    /// <summary>statx: the owner.</summary>
    public const uint STATX_UID = 8;

    /// <summary>statx: the group.</summary>
    public const uint STATX_GID = 0x10;

    /// <summary>statx: the inode number.</summary>
    public const uint STATX_INO = 0x100;

    /// <summary>statx: the size.</summary>
    public const uint STATX_SIZE = 0x200;

    /// <summary>statx: all of stat.</summary>
    public const uint STATX_BASIC_STATS = 0x7ff;

    /// <summary>Facts about a file.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int dirfd, string pathname, int flags, uint mask, statx_t* statxbuf);

    /// <summary>Facts about an open file.</summary>
    public static int statx(int fd, uint mask, out statx_t result)
    {
        statx_t local = default;
        int r = statx(fd, string.Empty, AT_EMPTY_PATH, mask, &local);
        result = local;
        return r;
    }

    /// <summary>
    /// Facts about an open file that somebody else sent, as the kernel knows them: a file system whose server is the sender's is not asked, as it need not
    /// answer.
    /// </summary>
    public static int statx_nowait(int fd, uint mask, out statx_t result)
    {
        statx_t local = default;
        int r = statx(fd, string.Empty, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, &local);
        result = local;
        return r;
    }

    /// <summary>Facts about a path; a final symbolic link is not followed.</summary>
    public static int statx(string pathname, uint mask, out statx_t result)
    {
        statx_t local = default;
        int r = statx(AT_FDCWD, pathname, AT_SYMLINK_NOFOLLOW, mask, &local);
        result = local;
        return r;
    }

    /// <summary>Changes permissions.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int chmod(string pathname, uint mode);

    /// <summary>Changes permissions of an open file.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int fchmod(int fd, uint mode);

    /// <summary>Sets the mask of permissions of new files.</summary>
    [LibraryImport("libc")]
    public static partial uint umask(uint mask);
}
