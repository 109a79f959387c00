using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>One piece of memory of a vectored read or write.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct iovec
{
    /// <summary>First byte.</summary>
    public void* iov_base;

    /// <summary>Bytes.</summary>
    public nuint iov_len;
}

/// <content>sys/uio.h</content>
public static unsafe partial class LibC
{
    /// <summary>preadv2, pwritev2: never wait.</summary>
    public const int RWF_NOWAIT = 8;

    /// <summary>Reads at an offset, or at the current position with -1, with flags.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint preadv2(int fd, iovec* iov, int iovcnt, long offset, int flags);

    /// <summary>Writes at an offset, or at the current position with -1, with flags.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwritev2(int fd, iovec* iov, int iovcnt, long offset, int flags);

    /// <summary>Reads into several pieces.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint readv(int fd, iovec* iov, int iovcnt);

    /// <summary>Writes from several pieces.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint writev(int fd, iovec* iov, int iovcnt);

    /// <summary>
    /// Reads one 64-bit number from an eventfd without ever waiting, whatever the open file's O_NONBLOCK says: the flag may be somebody else's to change.
    /// </summary>
    public static nint read_nowait(int fd, out ulong value)
    {
        ulong local = 0;
        iovec piece = new() { iov_base = &local, iov_len = sizeof(ulong) };
        nint n = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
        value = local;
        return n;
    }
}
