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
    /// <summary>Reads into several pieces.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint readv(int fd, iovec* iov, int iovcnt);

    /// <summary>Writes from several pieces.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint writev(int fd, iovec* iov, int iovcnt);
}
