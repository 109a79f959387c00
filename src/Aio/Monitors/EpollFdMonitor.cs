namespace VhostNet.Aio.Monitors;

/// <summary>
/// Watches with epoll, level triggered but for the context's own notifier: each write of an eventfd is an edge, whatever its counter says, so that the event is
/// consumed by the wait itself. That saves a system call for each wake-up, which is what the loop would cost more than a thread that blocks in read(2).
/// </summary>
internal sealed class EpollFdMonitor : FdMonitor
{
    private readonly FileDescriptor _epoll;
    private readonly EpollEvents _events = new(128);
    private bool _noPwait2;

    public EpollFdMonitor(IHandlerLoop loop)
        : base(loop) => _epoll = FileDescriptor.FromResult(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

    public override bool TakesNotifierEvents => true;

    public override void Update(AioHandler? oldHandler, AioHandler? newHandler)
    {
        bool wasThere = oldHandler is { Events: not 0 };
        bool isThere = newHandler is { Events: not 0 };
        if (!wasThere && !isThere)
        {
            return;
        }

        int op = !wasThere ? EPOLL_CTL_ADD : !isThere ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
        AioHandler handler = isThere ? newHandler! : oldHandler!;

        // The bits of poll and of epoll are the same for the events that are used here.
        uint events = (ushort)handler.Events | (handler.IsInternal ? EPOLLET : 0);
        int r = epoll_ctl(_epoll.Value, op, handler.Fd, events, handler.Token);
        if (r < 0 && op == EPOLL_CTL_MOD && errno == ENOENT)
        {
            // The number was closed and opened again without the handler having been removed.
            r = epoll_ctl(_epoll.Value, EPOLL_CTL_ADD, handler.Fd, events, handler.Token);
        }

        if (r < 0 && op != EPOLL_CTL_DEL)
        {
            Errno.Last.Throw($"epoll_ctl of descriptor {handler.Fd} in context '{Loop.Name}'");
        }
    }

    public override void Wait(long timeoutNs)
    {
        int n = WaitRaw(timeoutNs);
        for (int i = 0; i < n; i++)
        {
            Loop.MarkReady(_events.Data(i), (short)(ushort)_events.Events(i));
        }
    }

    public override int Query(Span<pollfd> fds, List<ulong> tokens)
    {
        if (fds.Length > 0)
        {
            fds[0] = new pollfd { fd = _epoll.Value, events = POLLIN };
            tokens.Add(0);
        }

        return 1;
    }

    public override void Take(ReadOnlySpan<pollfd> fds, List<ulong> tokens)
    {
        if (fds.Length > 0 && fds[0].revents != 0)
        {
            Wait(0);
        }
    }

    public override void Dispose() => _epoll.Dispose();

    private int WaitRaw(long timeoutNs)
    {
        if (timeoutNs is not (0 or -1) && !_noPwait2)
        {
            int n = epoll_pwait2(_epoll.Value, _events, timeoutNs);
            if (n >= 0 || errno != ENOSYS)
            {
                return n;
            }

            _noPwait2 = true;
        }

        int ms = timeoutNs < 0 ? -1 : (int)Math.Min(int.MaxValue, (timeoutNs + 999_999) / 1_000_000);
        return epoll_wait(_epoll.Value, _events, ms);
    }
}
