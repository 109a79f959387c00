namespace VhostNet.Aio.Monitors;

/// <summary>Watches with poll(2). The array is built again only after a change.</summary>
internal sealed class PollFdMonitor(IHandlerLoop loop) : FdMonitor(loop)
{
    private pollfd[] _fds = new pollfd[16];
    private ulong[] _tokens = new ulong[16];
    private int _count;
    private int _version = -1;

    public override void Update(AioHandler? oldHandler, AioHandler? newHandler)
    {
        // The array is built in Wait.
    }

    public override void Wait(long timeoutNs)
    {
        Rebuild();
        Span<pollfd> fds = _fds.AsSpan(0, _count);
        int n = timeoutNs is 0 or -1 ? poll(fds, (int)timeoutNs) : ppoll(fds, timeoutNs);
        for (int i = 0; n > 0; i++)
        {
            if (fds[i].revents != 0)
            {
                n--;
                Take(fds[i], _tokens[i]);
            }
        }
    }

    public override int Query(Span<pollfd> fds, List<ulong> tokens)
    {
        Rebuild();
        for (int i = 0; i < Math.Min(_count, fds.Length); i++)
        {
            fds[i] = _fds[i];
            fds[i].revents = 0;
            tokens.Add(_tokens[i]);
        }

        return _count;
    }

    public override void Take(ReadOnlySpan<pollfd> fds, List<ulong> tokens)
    {
        for (int i = 0; i < Math.Min(fds.Length, tokens.Count); i++)
        {
            if (fds[i].revents != 0)
            {
                Take(fds[i], tokens[i]);
            }
        }
    }

    public override void Dispose()
    {
    }

    private void Take(pollfd fd, ulong token)
    {
        if ((fd.revents & POLLNVAL) != 0)
        {
            Loop.LoseHandler(token);
            return;
        }

        Loop.MarkReady(token, fd.revents);
    }

    private void Rebuild()
    {
        if (_version == Loop.HandlerVersion)
        {
            return;
        }

        _version = Loop.Snapshot(ref _fds, ref _tokens, out _count);
    }
}
