using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>
/// Choice of the monitor. epoll was measured to be the fastest for sleeping from the first descriptor on (QEMU changes over at 64), io_uring for looking
/// without sleeping; docs/performance/event-loop.md has the figures.
/// </content>
public sealed partial class AioContext
{
    private readonly FdMonitorKind _monitorKind;
    private readonly bool _hasWaitHandles;
    private FdMonitor _monitor;
    private FdMonitor? _retiredMonitor;

    /// <summary>The monitor in use.</summary>
    internal FdMonitor Monitor => _monitor;

    /// <summary>
    /// Nobody may be noticed without a look at the kernel: the monitor has something, or a handler can't be polled and the monitor does not see its events in
    /// user space.
    /// </summary>
    private bool MonitorNeedsWait => _monitor.NeedWait || (Volatile.Read(ref _pollDisableCount) != 0 && !_monitor.NoticesInUserSpace);

    private FdMonitor CreateMonitor(FdMonitorKind kind) => kind switch
    {
        FdMonitorKind.Poll => new PollFdMonitor(this),
        FdMonitorKind.Auto or FdMonitorKind.Epoll => new EpollFdMonitor(this),
        FdMonitorKind.IoUring => new IoUringFdMonitor(this),
        FdMonitorKind.WaitHandles => new WaitHandleFdMonitor(this),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown monitor."),
    };

    /// <summary>Any thread, under the handler lock.</summary>
    private void UpdateMonitor(AioHandler? old, AioHandler? handler)
    {
        try
        {
            _monitor.Update(old, handler);
        }
        catch (ErrnoException e) when (_monitorKind == FdMonitorKind.Auto && _monitor is EpollFdMonitor && e.Errno.Value == EPERM)
        {
            // epoll refuses regular files, which poll calls always ready. The home thread may be inside the old monitor; it disposes of it when it comes out.
            _retiredMonitor = _monitor;
            _monitor = new PollFdMonitor(this);
        }
    }

    /// <summary>Disposes of a monitor that was changed for another. Home thread.</summary>
    private void SyncMonitor()
    {
        if (_retiredMonitor is not null)
        {
            _retiredMonitor.Dispose();
            _retiredMonitor = null;
        }
    }
}
