using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace VhostNet.LibC;

/// <content>unistd.h</content>
public static unsafe partial class LibC
{
    /// <summary>lseek: from the start.</summary>
    public static int SEEK_SET => Base.SEEK_SET;

    /// <summary>lseek: from the current position.</summary>
    public static int SEEK_CUR => Base.SEEK_CUR;

    /// <summary>lseek: from the end.</summary>
    public static int SEEK_END => Base.SEEK_END;

    /// <summary>sysconf: bytes in a page.</summary>
    public const int _SC_PAGESIZE = 30;

    /// <summary>sysconf: processors that are on line.</summary>
    public const int _SC_NPROCESSORS_ONLN = 84;

    /// <summary>sysconf: longest iovec array.</summary>
    public const int _SC_IOV_MAX = 60;

    /// <summary>sysconf: pages of physical memory.</summary>
    public const int _SC_PHYS_PAGES = 85;

    /// <summary>access: may be read.</summary>
    public static int R_OK => Base.R_OK;

    /// <summary>access: may be written.</summary>
    public static int W_OK => Base.W_OK;

    /// <summary>access: may be executed.</summary>
    public static int X_OK => Base.X_OK;

    /// <summary>access: exists.</summary>
    public static int F_OK => Base.F_OK;

    /// <summary>Reads up to <paramref name="count"/> bytes.</summary>
    public static nint read(int fd, void* buf, nuint count) => (nint)(long)Base.read(fd, buf, (Tmds.Linux.size_t)count);

    /// <summary>Writes up to <paramref name="count"/> bytes.</summary>
    public static nint write(int fd, void* buf, nuint count) => (nint)(long)Base.write(fd, buf, (Tmds.Linux.size_t)count);

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
    public static nint pread(int fd, void* buf, nuint count, long offset) => (nint)(long)Base.pread(fd, buf, (Tmds.Linux.size_t)count, offset);

    /// <summary>Writes at an offset.</summary>
    public static nint pwrite(int fd, void* buf, nuint count, long offset) => (nint)(long)Base.pwrite(fd, buf, (Tmds.Linux.size_t)count, offset);

    /// <summary>Closes a descriptor.</summary>
    public static int close(int fd) => Base.close(fd);

    /// <summary>Makes a pipe; <paramref name="pipefd"/> gets two descriptors.</summary>
    public static int pipe2(int* pipefd, int flags) => Base.pipe2(pipefd, flags);

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
    public static int dup(int oldfd) => Base.dup(oldfd);

    /// <summary>Duplicates a descriptor to a number.</summary>
    public static int dup3(int oldfd, int newfd, int flags) => Base.dup3(oldfd, newfd, flags);

    /// <summary>Waits until a file's, or a directory's, contents are on the disk.</summary>
    public static int fsync(int fd) => Base.fsync(fd);

    /// <summary>Reads where a symbolic link leads; the number of bytes, which no zero byte follows.</summary>
    public static nint readlink(string pathname, byte* buf, nuint bufsiz)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        nint result = (nint)(long)Base.readlink(text, buf, (Tmds.Linux.size_t)bufsiz);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Removes a name.</summary>
    public static int unlink(string pathname)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.unlink(text);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Changes the owner of a file.</summary>
    public static int chown(string pathname, uint owner, uint group)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.chown(text, owner, group);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Checks what the process may do with a file.</summary>
    public static int access(string pathname, int mode)
    {
        byte* text = Utf8StringMarshaller.ConvertToUnmanaged(pathname);
        int result = Base.access(text, mode);
        Utf8StringMarshaller.Free(text);
        return result;
    }

    /// <summary>Sets a file's length.</summary>
    public static int ftruncate(int fd, long length) => Base.ftruncate(fd, length);

    /// <summary>Moves the position; with SEEK_END and 0 it gives the size.</summary>
    public static long lseek(int fd, long offset, int whence) => Base.lseek(fd, offset, whence);

    /// <summary>The process's id.</summary>
    public static int getpid() => Base.getpid();

    /// <summary>The thread's id.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int gettid();

    /// <summary>The effective user.</summary>
    public static uint geteuid() => Base.geteuid();

    /// <summary>The effective group.</summary>
    public static uint getegid() => Base.getegid();

    /// <summary>A limit or a size of the system.</summary>
    public static nint sysconf(int name) => (nint)(long)Base.sysconf(name);
}
