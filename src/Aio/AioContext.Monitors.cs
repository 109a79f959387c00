namespace VhostNet.Aio;

/// <content>Choice of the monitor.</content>
public sealed partial class AioContext
{
    /// <summary>
    /// Number of watched descriptors, the context's own included, from which epoll is used. docs/performance.md has the measurement.
    /// </summary>
    internal const int EpollFrom = 4;

    private readonly FdMonitorKind _monitorKind;
    private readonly bool _hasWaitHandles;
    private FdMonitor _monitor;
    private FdMonitor? _retiredMonitor;
    private bool _epollRefused;

    /// <summary>The monitor in use.</summary>
    internal FdMonitor Monitor => _monitor;

    private FdMonitor CreateMonitor(FdMonitorKind kind) => kind switch
    {
        FdMonitorKind.Auto or FdMonitorKind.Poll => new PollFdMonitor(this),
        FdMonitorKind.Epoll => new EpollFdMonitor(this),
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
            _epollRefused = true;
            _retiredMonitor = _monitor;
            _monitor = new PollFdMonitor(this);
        }
    }

    /// <summary>Changes over to epoll when there are enough handlers. Home thread.</summary>
    private void SyncMonitor()
    {
        if (_retiredMonitor is not null)
        {
            lock (_handlerLock)
            {
                _retiredMonitor.Dispose();
                _retiredMonitor = null;
            }
        }

        if (_monitorKind != FdMonitorKind.Auto || _epollRefused || _monitor is EpollFdMonitor)
        {
            return;
        }

        lock (_handlerLock)
        {
            if (_handlersByFd.Count < EpollFrom)
            {
                return;
            }

            EpollFdMonitor epoll = new(this);
            try
            {
                foreach (AioHandler handler in _handlersByFd.Values)
                {
                    epoll.Update(null, handler);
                }
            }
            catch (ErrnoException)
            {
                _epollRefused = true;
                epoll.Dispose();
                return;
            }

            _monitor.Dispose();
            _monitor = epoll;
        }
    }
}
