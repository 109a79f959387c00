using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>One descriptor of poll.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct pollfd
{
    /// <summary>Descriptor; negative ones are skipped.</summary>
    public int fd;

    /// <summary>What to wait for.</summary>
    public short events;

    /// <summary>What happened.</summary>
    public short revents;
}

/// <content>poll.h</content>
public static unsafe partial class LibC
{
    /// <summary>Readable.</summary>
    public const short POLLIN = 0x0001;

    /// <summary>Urgent data or an exceptional state.</summary>
    public static short POLLPRI => Base.POLLPRI;

    /// <summary>Writable.</summary>
    public const short POLLOUT = 0x0004;

    /// <summary>An error is pending; output only.</summary>
    public const short POLLERR = 0x0008;

    /// <summary>Hung up; output only.</summary>
    public const short POLLHUP = 0x0010;

    /// <summary>Not an open descriptor; output only.</summary>
    public static short POLLNVAL => Base.POLLNVAL;

    /// <summary>The peer shut down its writing half.</summary>
    public static short POLLRDHUP => Base.POLLRDHUP;

    /// <summary>Waits for descriptors; time-out in milliseconds, -1 for ever.</summary>
    /// <remarks>
    /// Our own import, as is <c>ppoll</c>: Tmds.LibC's keeps no errno, and the C library's may be another call's by the time it is looked at.
    /// </remarks>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(pollfd* fds, nuint nfds, int timeout);

    /// <summary>Waits for descriptors; null waits for ever. The signal mask (8 bytes in the kernel, glibc's sigset_t here) may be null.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int ppoll(pollfd* fds, nuint nfds, timespec* tmo_p, void* sigmask);

    /// <summary>Waits for the descriptors of a span; time-out in milliseconds.</summary>
    public static int poll(Span<pollfd> fds, int timeout)
    {
        fixed (pollfd* p = fds)
        {
            return poll(p, (nuint)fds.Length, timeout);
        }
    }

    /// <summary>Waits for the descriptors of a span; time-out in nanoseconds, negative for ever.</summary>
    public static int ppoll(Span<pollfd> fds, long timeoutNs)
    {
        timespec ts = timespec.FromNanoseconds(timeoutNs < 0 ? 0 : timeoutNs);
        fixed (pollfd* p = fds)
        {
            return ppoll(p, (nuint)fds.Length, timeoutNs < 0 ? null : &ts, null);
        }
    }
}
