namespace VhostNet.Aio;

/// <summary>Watches with epoll, level triggered.</summary>
internal sealed class EpollFdMonitor : FdMonitor
{
    private readonly FileDescriptor _epoll;
    private readonly EpollEvents _events = new(128);
    private bool _noPwait2;

    public EpollFdMonitor(AioContext context)
        : base(context) => _epoll = FileDescriptor.FromResult(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

    public override void Update(AioHandler? oldHandler, AioHandler? newHandler)
    {
        int op = oldHandler is null ? EPOLL_CTL_ADD : newHandler is null ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
        AioHandler handler = newHandler ?? oldHandler!;
        int r = epoll_ctl(_epoll.Value, op, handler.Fd, ToEpoll(handler.Events), Token(handler));
        if (r < 0 && op == EPOLL_CTL_MOD && errno == ENOENT)
        {
            // The number was closed and opened again without the handler having been removed.
            r = epoll_ctl(_epoll.Value, EPOLL_CTL_ADD, handler.Fd, ToEpoll(handler.Events), Token(handler));
        }

        if (r < 0 && op != EPOLL_CTL_DEL)
        {
            Errno.Last.Throw($"epoll_ctl of fd {handler.Fd}");
        }
    }

    public override void Wait(long timeoutNs)
    {
        int n = WaitRaw(timeoutNs);
        for (int i = 0; i < n; i++)
        {
            ulong token = _events.Data(i);
            Context.MarkReady((int)(uint)token, (uint)(token >> 32), FromEpoll(_events.Events(i)));
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

    private static ulong Token(AioHandler handler) => ((ulong)handler.Generation << 32) | (uint)handler.Slot;

    // The bits of poll and of epoll are the same for the events that are used here.
    private static uint ToEpoll(short events) => (uint)(ushort)events;

    private static short FromEpoll(uint events) => (short)(ushort)events;
}
