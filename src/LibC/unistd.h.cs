using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>unistd.h</content>
public static unsafe partial class LibC
{
    /// <summary>lseek: from the start.</summary>
    public const int SEEK_SET = 0;

    /// <summary>lseek: from the current position.</summary>
    public const int SEEK_CUR = 1;

    /// <summary>lseek: from the end.</summary>
    public const int SEEK_END = 2;

    /// <summary>sysconf: bytes in a page.</summary>
    public const int _SC_PAGESIZE = 30;

    /// <summary>sysconf: processors that are on line.</summary>
    public const int _SC_NPROCESSORS_ONLN = 84;

    /// <summary>sysconf: longest iovec array.</summary>
    public const int _SC_IOV_MAX = 60;

    /// <summary>sysconf: pages of physical memory.</summary>
    public const int _SC_PHYS_PAGES = 85;

    /// <summary>access: may be read.</summary>
    public const int R_OK = 4;

    /// <summary>access: may be written.</summary>
    public const int W_OK = 2;

    /// <summary>access: may be executed.</summary>
    public const int X_OK = 1;

    /// <summary>access: exists.</summary>
    public const int F_OK = 0;

    /// <summary>Reads up to <paramref name="count"/> bytes.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buf, nuint count);

    /// <summary>Writes up to <paramref name="count"/> bytes.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buf, nuint count);

    /// <summary>Reads into a span.</summary>
    public static nint read(int fd, Span<byte> buf)
    {
        fixed (byte* p = buf)
        {
            return read(fd, p, (nuint)buf.Length);
        }
    }

    /// <summary>Writes a span.</summary>
    public static nint write(int fd, ReadOnlySpan<byte> buf)
    {
        fixed (byte* p = buf)
        {
            return write(fd, p, (nuint)buf.Length);
        }
    }

    /// <summary>Reads one 64-bit number, as from an eventfd or a timerfd.</summary>
    public static nint read(int fd, out ulong value)
    {
        ulong local = 0;
        nint n = read(fd, &local, sizeof(ulong));
        value = local;
        return n;
    }

    /// <summary>Writes one 64-bit number, as to an eventfd.</summary>
    public static nint write(int fd, ulong value) => write(fd, &value, sizeof(ulong));

    /// <summary>Reads at an offset.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int fd, void* buf, nuint count, long offset);

    /// <summary>Writes at an offset.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwrite(int fd, void* buf, nuint count, long offset);

    /// <summary>Closes a descriptor.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    /// <summary>Makes a pipe; <paramref name="pipefd"/> gets two descriptors.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int pipe2(int* pipefd, int flags);

    /// <summary>Makes a pipe.</summary>
    public static int pipe2(out int readEnd, out int writeEnd, int flags)
    {
        int* fds = stackalloc int[2] { -1, -1 };
        int r = pipe2(fds, flags);
        readEnd = fds[0];
        writeEnd = fds[1];
        return r;
    }

    /// <summary>Duplicates a descriptor (without close-on-exec; see F_DUPFD_CLOEXEC).</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup(int oldfd);

    /// <summary>Duplicates a descriptor to a number.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup3(int oldfd, int newfd, int flags);

    /// <summary>Waits until a file's, or a directory's, contents are on the disk.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int fsync(int fd);

    /// <summary>Reads where a symbolic link leads; the number of bytes, which no zero byte follows.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint readlink(string pathname, byte* buf, nuint bufsiz);

    /// <summary>Removes a name.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlink(string pathname);

    /// <summary>Changes the owner of a file.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int chown(string pathname, uint owner, uint group);

    /// <summary>Checks what the process may do with a file.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int access(string pathname, int mode);

    /// <summary>Sets a file's length.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int fd, long length);

    /// <summary>Moves the position; with SEEK_END and 0 it gives the size.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int fd, long offset, int whence);

    /// <summary>The process's id.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int getpid();

    /// <summary>The thread's id.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int gettid();

    /// <summary>The effective user.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial uint geteuid();

    /// <summary>The effective group.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial uint getegid();

    /// <summary>A limit or a size of the system.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sysconf(int name);
}
