using System.Runtime.InteropServices.Marshalling;

namespace VhostNet.LibC;

/// <content>fcntl.h</content>
public static unsafe partial class LibC
{
    /// <summary>Open for reading.</summary>
    public static int O_RDONLY => Base.O_RDONLY;

    /// <summary>Open for writing.</summary>
    public static int O_WRONLY => Base.O_WRONLY;

    /// <summary>Open for both.</summary>
    public static int O_RDWR => Base.O_RDWR;

    /// <summary>Create if absent.</summary>
    public static int O_CREAT => Base.O_CREAT;

    /// <summary>Fail if it exists.</summary>
    public static int O_EXCL => Base.O_EXCL;

    /// <summary>Do not take a controlling terminal.</summary>
    public static int O_NOCTTY => Base.O_NOCTTY;

    /// <summary>Truncate to length 0.</summary>
    public static int O_TRUNC => Base.O_TRUNC;

    /// <summary>Write at the end.</summary>
    public static int O_APPEND => Base.O_APPEND;

    /// <summary>Never block.</summary>
    public static int O_NONBLOCK => Base.O_NONBLOCK;

    /// <summary>Close on exec.</summary>
    public static int O_CLOEXEC => Base.O_CLOEXEC;

    /// <summary>Only a location, no access.</summary>
    public static int O_PATH => Base.O_PATH;

    /// <summary>Descriptor flag: close on exec.</summary>
    public static int FD_CLOEXEC => Base.FD_CLOEXEC;

    /// <summary>Duplicate to the lowest number not below the argument.</summary>
    public static int F_DUPFD => Base.F_DUPFD;

    /// <summary>The same, close on exec.</summary>
    public static int F_DUPFD_CLOEXEC => Base.F_DUPFD_CLOEXEC;

    /// <summary>Get descriptor flags.</summary>
    public static int F_GETFD => Base.F_GETFD;

    /// <summary>Set descriptor flags.</summary>
    public static int F_SETFD => Base.F_SETFD;

    /// <summary>Get status flags.</summary>
    public static int F_GETFL => Base.F_GETFL;

    /// <summary>Set status flags.</summary>
    public static int F_SETFL => Base.F_SETFL;

    /// <summary>Add seals to a memfd.</summary>
    public static int F_ADD_SEALS => Base.F_ADD_SEALS;

    /// <summary>Get the seals of a memfd.</summary>
    public static int F_GET_SEALS => Base.F_GET_SEALS;

    /// <summary>No further seals.</summary>
    public const int F_SEAL_SEAL = 1;

    /// <summary>The file cannot shrink.</summary>
    public const int F_SEAL_SHRINK = 2;

    /// <summary>The file cannot grow.</summary>
    public const int F_SEAL_GROW = 4;

    /// <summary>The file cannot be written.</summary>
    public static int F_SEAL_WRITE => Base.F_SEAL_WRITE;

    /// <summary>No new writable mapping.</summary>
    public const int F_SEAL_FUTURE_WRITE = 0x10;

    /// <summary>Set the size of a pipe's buffer.</summary>
    public static int F_SETPIPE_SZ => Base.F_SETPIPE_SZ;

    /// <summary>Get the size of a pipe's buffer.</summary>
    public static int F_GETPIPE_SZ => Base.F_GETPIPE_SZ;

    /// <summary>The current directory.</summary>
    public static int AT_FDCWD => Base.AT_FDCWD;

    /// <summary>statx: what is known without asking a server.</summary>
    public const int AT_STATX_DONT_SYNC = 0x4000;

    /// <summary>An empty path means the descriptor itself.</summary>
    public static int AT_EMPTY_PATH => Base.AT_EMPTY_PATH;

    /// <summary>Do not follow a final symbolic link.</summary>
    public static int AT_SYMLINK_NOFOLLOW => Base.AT_SYMLINK_NOFOLLOW;

    /// <summary>Opens a file; <paramref name="mode"/> counts with O_CREAT only.</summary>
    public static int open(string pathname, int flags, uint mode = 0)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.open(text, flags, (ushort)mode);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Commands on a descriptor.</summary>
    public static int fcntl(int fd, int cmd, nint arg = 0) => Base.fcntl(fd, cmd, (void*)arg);
}
