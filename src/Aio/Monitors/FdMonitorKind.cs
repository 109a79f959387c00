namespace VhostNet.Aio.Monitors;

/// <summary>Ways to watch descriptors.</summary>
public enum FdMonitorKind
{
    /// <summary>epoll; poll once a descriptor was added that epoll refuses (a regular file).</summary>
    Auto,

    /// <summary>poll(2), whatever the number.</summary>
    Poll,

    /// <summary>epoll(7), whatever the number.</summary>
    Epoll,

    /// <summary>io_uring(7).</summary>
    IoUring,

    /// <summary>.NET wait handles: event notifiers only, in the order of steps of QEMU's Windows loop.</summary>
    WaitHandles,
}
