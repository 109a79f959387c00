namespace VhostNet.Aio.Monitors;

/// <summary>
/// Watches with io_uring: one-shot poll requests, armed again after each completion. Completions are noticed without a system call, so that a handler without a
/// poll callback does not keep the loop from polling in user space.
/// </summary>
internal sealed class IoUringFdMonitor : FdMonitor
{
    private const uint Entries = 256;

    /// <summary>User data of requests whose completion says nothing. No handler's token is 0.</summary>
    private const ulong Ignored = 0;

    private readonly IoUringRing _ring;
    private readonly Lock _changeLock = new();
    private readonly Queue<(ulong Removed, AioHandler? Added)> _changes = new();
    private readonly List<AioHandler> _unarmed = [];
    private readonly List<AioHandler> _unarmedPolled = [];
    private volatile bool _hasChanges;

    public IoUringFdMonitor(IHandlerLoop loop)
        : base(loop) => _ring = new IoUringRing(Entries);

    /// <summary>
    /// Handlers that are polled in user space, and the context's notifier, need not be armed again before the thread sleeps. QEMU 7.2 counted them here and
    /// never polled after a notifier's event.
    /// </summary>
    public override bool NeedWait => _ring.HasCompletions || _hasChanges || _unarmed.Count != 0 || _ring.Unsubmitted != 0 || _ring.HasOverflow;

    public override bool NoticesInUserSpace => true;

    /// <summary>The ring itself, for tests.</summary>
    internal IoUringRing Ring => _ring;

    public override void Update(AioHandler? oldHandler, AioHandler? newHandler)
    {
        lock (_changeLock)
        {
            _changes.Enqueue((oldHandler is { Events: not 0 } ? oldHandler.Token : Ignored, newHandler is { Events: not 0 } ? newHandler : null));
            _hasChanges = true;
        }
    }

    public override void PreparePolling()
    {
        if (_hasChanges || _unarmed.Count != 0 || _ring.Unsubmitted != 0)
        {
            Arm(alsoPolled: false);
            _ring.Enter(0);
        }
    }

    public override void Wait(long timeoutNs)
    {
        // Who does not sleep can leave the polled ones alone.
        Arm(alsoPolled: timeoutNs != 0);
        if (timeoutNs != 0 && !_ring.HasCompletions)
        {
            // What the ring had no room for would not wake anybody.
            _ring.Enter(_unarmed.Count + _unarmedPolled.Count == 0 ? timeoutNs : 0);
        }
        else if (_ring.Unsubmitted != 0 || _ring.HasOverflow)
        {
            _ring.Enter(0);
        }

        TakeCompletions();
    }

    public override int Query(Span<pollfd> fds, List<ulong> tokens)
    {
        LeaveArmed();
        if (fds.Length > 0)
        {
            fds[0] = new pollfd { fd = _ring.Fd, events = POLLIN };
            tokens.Add(Ignored);
        }

        return 1;
    }

    public override void LeaveArmed()
    {
        Arm(alsoPolled: true);
        if (_ring.Unsubmitted != 0)
        {
            _ring.Enter(0);
        }
    }

    public override void Take(ReadOnlySpan<pollfd> fds, List<ulong> tokens)
    {
        if (_ring.HasOverflow)
        {
            _ring.Enter(0);
        }

        TakeCompletions();
    }

    public override void Dispose() => _ring.Dispose();

    private void Arm(bool alsoPolled)
    {
        if (_hasChanges)
        {
            TakeChanges();
        }

        Arm(_unarmed);
        if (alsoPolled)
        {
            Arm(_unarmedPolled);
        }
    }

    private void Arm(List<AioHandler> handlers)
    {
        int armed = 0;
        while (armed < handlers.Count && (handlers[armed].IsDeleted || _ring.PollAdd(handlers[armed].Fd, handlers[armed].Events, handlers[armed].Token)))
        {
            armed++;
        }

        handlers.RemoveRange(0, armed);
    }

    private void TakeChanges()
    {
        lock (_changeLock)
        {
            _hasChanges = false;
            while (_changes.TryPeek(out (ulong Removed, AioHandler? Added) change))
            {
                if (change.Removed != Ignored && !_ring.PollRemove(change.Removed, Ignored))
                {
                    _hasChanges = true;
                    return;
                }

                _changes.Dequeue();

                if (change.Added is not null)
                {
                    _unarmed.Add(change.Added);
                }
            }
        }
    }

    private void TakeCompletions()
    {
        while (_ring.TryTake(out ulong token, out int result))
        {
            if (token == Ignored || Loop.FindHandler(token) is not { } handler)
            {
                continue;
            }

            if (result < 0 && result != -ECANCELED)
            {
                Loop.LoseHandler(token);
                continue;
            }

            // A request is cancelled with the thread that made it, for example when the home thread changed; the handler is as it was.
            (handler.IsInternal || handler.IsOnPollList ? _unarmedPolled : _unarmed).Add(handler);
            if (result >= 0)
            {
                Loop.MarkReady(token, (short)result);
            }
        }
    }
}
