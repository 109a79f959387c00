using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>System calls and kernel constants, one file per C header, under their kernel names.</summary>
/// <remarks>
/// A call that fails returns -1 (or what its manual page says) and leaves the reason in <see cref="errno"/>, which the runtime keeps for the thread right after
/// the call, before a collection or another thread's work can change it. Functions and numbers that Tmds.LibC has come from there (<c>Base</c>), in the types
/// that C# code has at hand; imported here are those that it lacks. A number that C# wants as a constant is written out, and a test holds it equal.
/// </remarks>
public static partial class LibC
{
    /// <summary>Operation not permitted.</summary>
    public const int EPERM = 1;

    /// <summary>No such file or directory.</summary>
    public const int ENOENT = 2;

    /// <summary>Interrupted system call.</summary>
    public const int EINTR = 4;

    /// <summary>Input/output error; a tap whose interface is down says this.</summary>
    public const int EIO = 5;

    /// <summary>No such device or address.</summary>
    public const int ENXIO = 6;

    /// <summary>Argument list too long.</summary>
    public const int E2BIG = 7;

    /// <summary>Bad file descriptor.</summary>
    public const int EBADF = 9;

    /// <summary>Nothing to read or no room to write at the moment.</summary>
    public const int EAGAIN = 11;

    /// <summary>The same as EAGAIN.</summary>
    public static int EWOULDBLOCK => Base.EWOULDBLOCK;

    /// <summary>Out of memory.</summary>
    public const int ENOMEM = 12;

    /// <summary>Permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>Bad address.</summary>
    public static int EFAULT => Base.EFAULT;

    /// <summary>Device or resource busy.</summary>
    public const int EBUSY = 16;

    /// <summary>File exists.</summary>
    public const int EEXIST = 17;

    /// <summary>No such device.</summary>
    public const int ENODEV = 19;

    /// <summary>Not a directory.</summary>
    public static int ENOTDIR => Base.ENOTDIR;

    /// <summary>Is a directory.</summary>
    public const int EISDIR = 21;

    /// <summary>Invalid argument.</summary>
    public const int EINVAL = 22;

    /// <summary>Too many open files in the system.</summary>
    public const int ENFILE = 23;

    /// <summary>Too many open files in the process.</summary>
    public const int EMFILE = 24;

    /// <summary>The ioctl does not fit the descriptor.</summary>
    public static int ENOTTY => Base.ENOTTY;

    /// <summary>File too large.</summary>
    public static int EFBIG => Base.EFBIG;

    /// <summary>No space left on the device.</summary>
    public const int ENOSPC = 28;

    /// <summary>Illegal seek.</summary>
    public static int ESPIPE => Base.ESPIPE;

    /// <summary>Read-only file system.</summary>
    public const int EROFS = 30;

    /// <summary>The reader of a pipe or socket has gone.</summary>
    public const int EPIPE = 32;

    /// <summary>Result out of range.</summary>
    public static int ERANGE => Base.ERANGE;

    /// <summary>File name too long.</summary>
    public static int ENAMETOOLONG => Base.ENAMETOOLONG;

    /// <summary>The kernel does not know the system call.</summary>
    public static int ENOSYS => Base.ENOSYS;

    /// <summary>Too many symbolic links.</summary>
    public static int ELOOP => Base.ELOOP;

    /// <summary>No data available.</summary>
    public static int ENODATA => Base.ENODATA;

    /// <summary>Timer expired.</summary>
    public const int ETIME = 62;

    /// <summary>Protocol error.</summary>
    public static int EPROTO => Base.EPROTO;

    /// <summary>Not a data message.</summary>
    public static int EBADMSG => Base.EBADMSG;

    /// <summary>Value too large for the data type.</summary>
    public static int EOVERFLOW => Base.EOVERFLOW;

    /// <summary>Descriptor in a bad state; a tap that lost its interface says this.</summary>
    public const int EBADFD = 77;

    /// <summary>Not a socket.</summary>
    public const int ENOTSOCK = 88;

    /// <summary>Destination address required.</summary>
    public const int EDESTADDRREQ = 89;

    /// <summary>Message too long.</summary>
    public const int EMSGSIZE = 90;

    /// <summary>Wrong protocol type for the socket.</summary>
    public static int EPROTOTYPE => Base.EPROTOTYPE;

    /// <summary>Protocol not supported.</summary>
    public static int EPROTONOSUPPORT => Base.EPROTONOSUPPORT;

    /// <summary>Operation not supported.</summary>
    public const int EOPNOTSUPP = 95;

    /// <summary>The same as EOPNOTSUPP.</summary>
    public static int ENOTSUP => Base.ENOTSUP;

    /// <summary>Address family not supported.</summary>
    public static int EAFNOSUPPORT => Base.EAFNOSUPPORT;

    /// <summary>Address already in use.</summary>
    public const int EADDRINUSE = 98;

    /// <summary>Address not available.</summary>
    public const int EADDRNOTAVAIL = 99;

    /// <summary>Network is down.</summary>
    public const int ENETDOWN = 100;

    /// <summary>Network is unreachable.</summary>
    public const int ENETUNREACH = 101;

    /// <summary>Connection aborted.</summary>
    public static int ECONNABORTED => Base.ECONNABORTED;

    /// <summary>Connection reset by the peer.</summary>
    public const int ECONNRESET = 104;

    /// <summary>No buffer space; transient.</summary>
    public const int ENOBUFS = 105;

    /// <summary>Already connected.</summary>
    public static int EISCONN => Base.EISCONN;

    /// <summary>Not connected.</summary>
    public const int ENOTCONN = 107;

    /// <summary>The endpoint was shut down.</summary>
    public static int ESHUTDOWN => Base.ESHUTDOWN;

    /// <summary>Timed out.</summary>
    public static int ETIMEDOUT => Base.ETIMEDOUT;

    /// <summary>Connection refused.</summary>
    public const int ECONNREFUSED = 111;

    /// <summary>Host is down.</summary>
    public static int EHOSTDOWN => Base.EHOSTDOWN;

    /// <summary>No route to the host.</summary>
    public const int EHOSTUNREACH = 113;

    /// <summary>Already in progress.</summary>
    public const int EALREADY = 114;

    /// <summary>Now in progress.</summary>
    public const int EINPROGRESS = 115;

    /// <summary>Operation cancelled.</summary>
    public static int ECANCELED => Base.ECANCELED;

    /// <summary>The calling thread's last error, as kept after the last failed call.</summary>
    public static int errno
    {
        get => Marshal.GetLastPInvokeError();
        set => Marshal.SetLastPInvokeError(value);
    }
}
