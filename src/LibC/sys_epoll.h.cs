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
    public static int EPOLL_CLOEXEC => Base.EPOLL_CLOEXEC;

    /// <summary>Add a descriptor.</summary>
    public static int EPOLL_CTL_ADD => Base.EPOLL_CTL_ADD;

    /// <summary>Remove a descriptor.</summary>
    public static int EPOLL_CTL_DEL => Base.EPOLL_CTL_DEL;

    /// <summary>Change a descriptor's events.</summary>
    public static int EPOLL_CTL_MOD => Base.EPOLL_CTL_MOD;

    /// <summary>Readable.</summary>
    public static uint EPOLLIN => unchecked((uint)Base.EPOLLIN);

    /// <summary>Urgent data or an exceptional state.</summary>
    public static uint EPOLLPRI => unchecked((uint)Base.EPOLLPRI);

    /// <summary>Writable.</summary>
    public static uint EPOLLOUT => unchecked((uint)Base.EPOLLOUT);

    /// <summary>An error is pending; always reported.</summary>
    public static uint EPOLLERR => unchecked((uint)Base.EPOLLERR);

    /// <summary>Hung up; always reported.</summary>
    public static uint EPOLLHUP => unchecked((uint)Base.EPOLLHUP);

    /// <summary>The peer shut down its writing half.</summary>
    public static uint EPOLLRDHUP => unchecked((uint)Base.EPOLLRDHUP);

    /// <summary>Wake one waiter only.</summary>
    public static uint EPOLLEXCLUSIVE => unchecked((uint)Base.EPOLLEXCLUSIVE);

    /// <summary>Disable after one event.</summary>
    public static uint EPOLLONESHOT => unchecked((uint)Base.EPOLLONESHOT);

    /// <summary>Edge triggered.</summary>
    public static uint EPOLLET => unchecked((uint)Base.EPOLLET);

    internal static readonly int SizeOfEpollEvent = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? sizeof(epoll_event_packed) : sizeof(epoll_event_aligned);

    internal static readonly int OffsetOfEpollData = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    /// <summary>Makes an epoll descriptor.</summary>
    public static int epoll_create1(int flags) => Base.epoll_create1(flags);

    private static int epoll_ctl(int epfd, int op, int fd, void* ev) => Base.epoll_ctl(epfd, op, fd, (Tmds.Linux.epoll_event*)ev);

    private static int epoll_wait(int epfd, void* events, int maxevents, int timeout) =>
        Base.epoll_wait(epfd, (Tmds.Linux.epoll_event*)events, maxevents, timeout);

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
