using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>The kernel's epoll_event on x86-64, where it is packed.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
[CLayout("epoll_event", "x86_64")]
public struct epoll_event_packed
{
    /// <summary>Events.</summary>
    public uint events;

    /// <summary>The caller's own number.</summary>
    public ulong data;
}

/// <summary>The kernel's epoll_event everywhere but on x86-64.</summary>
[StructLayout(LayoutKind.Sequential)]
[CLayout("epoll_event", "aarch64")]
public struct epoll_event_aligned
{
    /// <summary>Events.</summary>
    public uint events;

    /// <summary>The caller's own number.</summary>
    public ulong data;
}

/// <summary>An array of epoll_event in the layout of the running architecture. Not safe for use by two threads at once.</summary>
public sealed unsafe class EpollEvents
{
    private readonly byte[] _bytes;

    /// <summary>Makes room for <paramref name="capacity"/> events; the array never moves.</summary>
    public EpollEvents(int capacity)
    {
        Capacity = capacity;
        _bytes = GC.AllocateArray<byte>(capacity * LibC.SizeOfEpollEvent, pinned: true);
        Address = (void*)Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
    }

    /// <summary>Number of events it holds.</summary>
    public int Capacity { get; }

    internal void* Address { get; }

    /// <summary>Events of entry <paramref name="index"/>.</summary>
    public uint Events(int index) => MemoryMarshal.Read<uint>(_bytes.AsSpan(index * LibC.SizeOfEpollEvent));

    /// <summary>Data of entry <paramref name="index"/>.</summary>
    public ulong Data(int index) => MemoryMarshal.Read<ulong>(_bytes.AsSpan((index * LibC.SizeOfEpollEvent) + LibC.OffsetOfEpollData));
}

/// <content>sys/epoll.h</content>
public static unsafe partial class LibC
{
    /// <summary>Close on exec.</summary>
    public const int EPOLL_CLOEXEC = 0x80000;

    /// <summary>Add a descriptor.</summary>
    public const int EPOLL_CTL_ADD = 1;

    /// <summary>Remove a descriptor.</summary>
    public const int EPOLL_CTL_DEL = 2;

    /// <summary>Change a descriptor's events.</summary>
    public const int EPOLL_CTL_MOD = 3;

    /// <summary>Readable.</summary>
    public const uint EPOLLIN = 1;

    /// <summary>Urgent data or an exceptional state.</summary>
    public const uint EPOLLPRI = 2;

    /// <summary>Writable.</summary>
    public const uint EPOLLOUT = 4;

    /// <summary>An error is pending; always reported.</summary>
    public const uint EPOLLERR = 8;

    /// <summary>Hung up; always reported.</summary>
    public const uint EPOLLHUP = 0x10;

    /// <summary>The peer shut down its writing half.</summary>
    public const uint EPOLLRDHUP = 0x2000;

    /// <summary>Wake one waiter only.</summary>
    public const uint EPOLLEXCLUSIVE = 0x10000000;

    /// <summary>Disable after one event.</summary>
    public const uint EPOLLONESHOT = 0x40000000;

    /// <summary>Edge triggered.</summary>
    public const uint EPOLLET = 0x80000000;

    internal static readonly int SizeOfEpollEvent = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? sizeof(epoll_event_packed) : sizeof(epoll_event_aligned);

    internal static readonly int OffsetOfEpollData = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    /// <summary>Makes an epoll descriptor.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epfd, int op, int fd, void* ev);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epfd, void* events, int maxevents, int timeout);

    /// <summary>Adds, changes or removes a descriptor.</summary>
    public static int epoll_ctl(int epfd, int op, int fd, uint events, ulong data)
    {
        if (RuntimeInformation.ProcessArchitecture == Architecture.X64)
        {
            epoll_event_packed packed = new() { events = events, data = data };
            return epoll_ctl(epfd, op, fd, &packed);
        }

        epoll_event_aligned aligned = new() { events = events, data = data };
        return epoll_ctl(epfd, op, fd, &aligned);
    }

    /// <summary>Waits for events; time-out in milliseconds, -1 for ever.</summary>
    public static int epoll_wait(int epfd, EpollEvents events, int timeout) => epoll_wait(epfd, events.Address, events.Capacity, timeout);

    /// <summary>Waits for events; time-out in nanoseconds, negative for ever. -1 with ENOSYS before Linux 5.11.</summary>
    public static int epoll_pwait2(int epfd, EpollEvents events, long timeoutNs)
    {
        // The kernel's timespec has 64-bit members, as has glibc's on 64-bit architectures.
        timespec ts = timespec.FromNanoseconds(timeoutNs < 0 ? 0 : timeoutNs);
        return (int)syscall(IsX64 ? x86_64.SYS_epoll_pwait2 : aarch64.SYS_epoll_pwait2, epfd, (nint)events.Address, events.Capacity, timeoutNs < 0 ? 0 : (nint)(&ts), 0, 0);
    }
}
