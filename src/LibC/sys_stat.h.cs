using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

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
    public static int S_IFMT => (int)(uint)Base.S_IFMT;

    /// <summary>Socket.</summary>
    public const int S_IFSOCK = 0xc000;

    /// <summary>Pipe.</summary>
    public const int S_IFIFO = 0x1000;

    /// <summary>Regular file.</summary>
    public static int S_IFREG => (int)(uint)Base.S_IFREG;

    /// <summary>Directory.</summary>
    public static int S_IFDIR => (int)(uint)Base.S_IFDIR;

    /// <summary>Mode: symbolic link.</summary>
    public static int S_IFLNK => (int)(uint)Base.S_IFLNK;

    /// <summary>Character device.</summary>
    public static int S_IFCHR => (int)(uint)Base.S_IFCHR;

    /// <summary>Owner may read.</summary>
    public static int S_IRUSR => (int)(uint)Base.S_IRUSR;

    /// <summary>Owner may write.</summary>
    public static int S_IWUSR => (int)(uint)Base.S_IWUSR;

    /// <summary>Owner may execute.</summary>
    public static int S_IXUSR => (int)(uint)Base.S_IXUSR;

    /// <summary>Group may read.</summary>
    public static int S_IRGRP => (int)(uint)Base.S_IRGRP;

    /// <summary>Group may write.</summary>
    public static int S_IWGRP => (int)(uint)Base.S_IWGRP;

    /// <summary>Others may read.</summary>
    public static int S_IROTH => (int)(uint)Base.S_IROTH;

    /// <summary>Others may write.</summary>
    public static int S_IWOTH => (int)(uint)Base.S_IWOTH;

    /// <summary>statx: the type.</summary>
    public static uint STATX_TYPE => Base.STATX_TYPE;

    /// <summary>statx: the mode.</summary>
    public static uint STATX_MODE => Base.STATX_MODE;

    /// <summary>statx: the owner.</summary>
    public static uint STATX_UID => Base.STATX_UID;

    /// <summary>statx: the group.</summary>
    public static uint STATX_GID => Base.STATX_GID;

    /// <summary>statx: the inode number.</summary>
    public static uint STATX_INO => Base.STATX_INO;

    /// <summary>statx: the size.</summary>
    public static uint STATX_SIZE => Base.STATX_SIZE;

    /// <summary>statx: all of stat.</summary>
    public static uint STATX_BASIC_STATS => Base.STATX_BASIC_STATS;

    /// <summary>Facts about a file.</summary>
    public static int statx(int dirfd, string pathname, int flags, uint mask, statx_t* statxbuf)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.statx(dirfd, text, flags, mask, (Tmds.Linux.statx*)statxbuf);
        Utf8StringMarshaller.Free(text);
        return result;
    }

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
    public static int chmod(string pathname, uint mode)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.chmod(text, (ushort)mode);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Changes permissions of an open file.</summary>
    public static int fchmod(int fd, uint mode) => Base.fchmod(fd, (ushort)mode);

    /// <summary>Sets the mask of permissions of new files.</summary>
    public static uint umask(uint mask) => (ushort)Base.umask((ushort)mask);
}
