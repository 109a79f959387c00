namespace VhostNet.Aio;

/// <content>The steps of an outer loop. Bit 0 of the counter stands for it: a bit, since nobody promises that each prepare is followed by a check.</content>
public sealed partial class AioContext
{
    private AioOuterLoop? _outerLoop;

    /// <summary>Gets the steps by which another event loop drives this context. Home thread.</summary>
    public AioOuterLoop GetOuterLoop()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _outerLoop ??= new AioOuterLoop(this, _hasWaitHandles ? EventNotifier.CreatePortable() : new EventNotifier());
    }

    internal long OuterPrepare()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ThrowUnlessHome();
        Leave(Enter());
        if ((_attention & AttentionHandlers) != 0)
        {
            SyncHandlers();
        }

        bool found = SetPollStarted(false);
        bool notified = _state.Arm<FullBarrier>(_state.NotifyMe | 1);
        _monitor.PreparePolling();

        // QEMU does not look at the flag here. It costs nothing, and a bare notify that came before the wait ends it too.
        return found || notified ? 0 : ComputeTimeout();
    }

    internal bool OuterCheck(ReadOnlySpan<pollfd> fds, List<ulong> tokens)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ThrowUnlessHome();
        _state.Disarm(_state.NotifyMe & ~1);
        _outerLoop!.Kick.TestAndClear();
        _monitor.Take(fds, tokens);
        AcceptNotification(outer: true);
        // An idle bottom half is due by now: the wait is over.
        return HasBottomHalves || ComputeTimeout() == 0;
    }

    internal bool OuterDispatch()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ThrowUnlessHome();
        _home.Polls++;

        // A loop that was told in prepare that there is work need not check, and GLib does not.
        if ((_state.NotifyMe & 1) != 0)
        {
            _state.Disarm(_state.NotifyMe & ~1);
            _outerLoop!.Kick.TestAndClear();
        }

        AcceptNotification(outer: true);
        AioContext? previous = Enter();
        try
        {
            return DispatchAll();
        }
        finally
        {
            Leave(previous);
        }
    }
}
