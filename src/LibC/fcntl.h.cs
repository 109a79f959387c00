using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>fcntl.h</content>
public static partial class LibC
{
    /// <summary>Open for reading.</summary>
    public const int O_RDONLY = 0;

    /// <summary>Open for writing.</summary>
    public const int O_WRONLY = 1;

    /// <summary>Open for both.</summary>
    public const int O_RDWR = 2;

    /// <summary>Create if absent.</summary>
    public const int O_CREAT = 0x40;

    /// <summary>Fail if it exists.</summary>
    public const int O_EXCL = 0x80;

    /// <summary>Do not take a controlling terminal.</summary>
    public const int O_NOCTTY = 0x100;

    /// <summary>Truncate to length 0.</summary>
    public const int O_TRUNC = 0x200;

    /// <summary>Write at the end.</summary>
    public const int O_APPEND = 0x400;

    /// <summary>Never block.</summary>
    public const int O_NONBLOCK = 0x800;

    /// <summary>Close on exec.</summary>
    public const int O_CLOEXEC = 0x80000;

    /// <summary>Only a location, no access.</summary>
    public const int O_PATH = 0x200000;

    /// <summary>Descriptor flag: close on exec.</summary>
    public const int FD_CLOEXEC = 1;

    /// <summary>Duplicate to the lowest number not below the argument.</summary>
    public const int F_DUPFD = 0;

    /// <summary>The same, close on exec.</summary>
    public const int F_DUPFD_CLOEXEC = 0x406;

    /// <summary>Get descriptor flags.</summary>
    public const int F_GETFD = 1;

    /// <summary>Set descriptor flags.</summary>
    public const int F_SETFD = 2;

    /// <summary>Get status flags.</summary>
    public const int F_GETFL = 3;

    /// <summary>Set status flags.</summary>
    public const int F_SETFL = 4;

    /// <summary>Add seals to a memfd.</summary>
    public const int F_ADD_SEALS = 0x409;

    /// <summary>Get the seals of a memfd.</summary>
    public const int F_GET_SEALS = 0x40a;

    /// <summary>No further seals.</summary>
    public const int F_SEAL_SEAL = 1;

    /// <summary>The file cannot shrink.</summary>
    public const int F_SEAL_SHRINK = 2;

    /// <summary>The file cannot grow.</summary>
    public const int F_SEAL_GROW = 4;

    /// <summary>The file cannot be written.</summary>
    public const int F_SEAL_WRITE = 8;

    /// <summary>No new writable mapping.</summary>
    public const int F_SEAL_FUTURE_WRITE = 0x10;

    /// <summary>Set the size of a pipe's buffer.</summary>
    public const int F_SETPIPE_SZ = 0x407;

    /// <summary>Get the size of a pipe's buffer.</summary>
    public const int F_GETPIPE_SZ = 0x408;

    /// <summary>The current directory.</summary>
    public const int AT_FDCWD = -100;

    /// <summary>statx: what is known without asking a server.</summary>
    public const int AT_STATX_DONT_SYNC = 0x4000;

    /// <summary>An empty path means the descriptor itself.</summary>
    public const int AT_EMPTY_PATH = 0x1000;

    /// <summary>Do not follow a final symbolic link.</summary>
    public const int AT_SYMLINK_NOFOLLOW = 0x100;

    /// <summary>Opens a file; <paramref name="mode"/> counts with O_CREAT only.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string pathname, int flags, uint mode = 0);

    /// <summary>Commands on a descriptor.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int fd, int cmd, nint arg = 0);
}
