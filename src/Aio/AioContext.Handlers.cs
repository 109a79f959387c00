namespace VhostNet.Aio;

/// <content>Descriptor handlers.</content>
public sealed partial class AioContext
{
    private readonly Lock _handlerLock = new();
    private readonly Dictionary<int, AioHandler> _handlersByFd = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly FdMonitor _monitor;
    private AioHandler?[] _slots = new AioHandler?[16];
    private int _slotCount;
    private uint _generation;
    private int _pollDisableCount;
    private AioHandler? _readyHead;
    private AioHandler? _readyTail;

    /// <summary>Handlers without a poll callback: while there is one, the loop must ask the kernel.</summary>
    internal int PollDisableCount => Volatile.Read(ref _pollDisableCount);

    /// <summary>Sets, changes or (all null) removes the callbacks of a descriptor. Remove them before the descriptor is closed.</summary>
    /// <param name="fd">Descriptor.</param>
    /// <param name="read">Called when it is readable, hung up or in error.</param>
    /// <param name="write">Called when it is writable or in error.</param>
    /// <param name="poll">Looks without a system call whether there is something to do. It may be called at any time while the handler is set.</param>
    /// <param name="pollReady">Called after <paramref name="poll"/> returned true; without it <paramref name="poll"/> is ignored.</param>
    /// <exception cref="ErrnoException">The kernel can't watch the descriptor.</exception>
    /// <remarks>A callback that runs on the home thread while another thread removes it goes on; afterwards it is not called.</remarks>
    public void SetFdHandler(int fd, Action? read, Action? write = null, Func<bool>? poll = null, Action? pollReady = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fd);
        ObjectDisposedException.ThrowIf(_disposed, this);
        bool remove = read is null && write is null && (poll is null || pollReady is null);
        AioHandler? handler = remove ? null : new AioHandler(fd, read, write, poll, pollReady);
        lock (_handlerLock)
        {
            if (!_handlersByFd.TryGetValue(fd, out AioHandler? old) && handler is null)
            {
                return;
            }

            Replace(fd, old, handler);
        }

        Notify();
    }

    /// <summary>Sets the callbacks that are called when the loop starts and stops to poll a descriptor in user space. Home thread, or before the loop runs.</summary>
    /// <exception cref="InvalidOperationException">The descriptor has no handler.</exception>
    public void SetFdPollCallbacks(int fd, Action? begin, Action? end)
    {
        lock (_handlerLock)
        {
            if (!_handlersByFd.TryGetValue(fd, out AioHandler? handler))
            {
                throw new InvalidOperationException($"Descriptor {fd} has no handler in context '{Name}'; set one before its poll callbacks.");
            }

            handler.PollBegin = begin;
            handler.PollEnd = end;
        }
    }

    /// <summary>As <see cref="SetFdHandler"/>, for an event notifier. The read callback must call <see cref="EventNotifier.TestAndClear"/> itself.</summary>
    public void SetEventNotifier(EventNotifier notifier, Action? read, Func<bool>? poll = null, Action? pollReady = null)
    {
        ArgumentNullException.ThrowIfNull(notifier);
        SetFdHandler(notifier.Fd, read, null, poll, pollReady);
    }

    /// <summary>As <see cref="SetFdPollCallbacks"/>, for an event notifier.</summary>
    public void SetEventNotifierPollCallbacks(EventNotifier notifier, Action? begin, Action? end)
    {
        ArgumentNullException.ThrowIfNull(notifier);
        SetFdPollCallbacks(notifier.Fd, begin, end);
    }

    /// <summary>Marks the handler of a slot ready, unless it was replaced since.</summary>
    internal void MarkReady(int slot, uint generation, short revents)
    {
        AioHandler? handler = Volatile.Read(ref _slots)[slot];
        if (handler is not null && handler.Generation == generation && !handler.IsDeleted)
        {
            handler.Revents |= revents;
            Link(handler);
        }
    }

    private void Link(AioHandler handler)
    {
        if (handler.IsReady)
        {
            return;
        }

        handler.IsReady = true;
        handler.NextReady = null;
        if (_readyTail is null)
        {
            _readyHead = handler;
        }
        else
        {
            _readyTail.NextReady = handler;
        }

        _readyTail = handler;
    }

    private void Replace(int fd, AioHandler? old, AioHandler? handler)
    {
        if (handler is not null)
        {
            handler.Slot = old?.Slot ?? TakeSlot();
            handler.Generation = ++_generation;
            handler.PollBegin = old?.PollBegin;
            handler.PollEnd = old?.PollEnd;
        }

        _monitor.Update(old, handler);
        if (old is not null)
        {
            old.IsDeleted = true;
        }

        int slot = handler?.Slot ?? old!.Slot;
        Volatile.Write(ref _slots[slot], handler);
        if (handler is null)
        {
            _handlersByFd.Remove(fd);
            _freeSlots.Push(slot);
        }
        else
        {
            _handlersByFd[fd] = handler;
        }

        _pollDisableCount += (handler is { Poll: null } ? 1 : 0) - (old is { Poll: null } ? 1 : 0);
    }

    private int TakeSlot()
    {
        if (_freeSlots.TryPop(out int slot))
        {
            return slot;
        }

        if (_slotCount == _slots.Length)
        {
            AioHandler?[] larger = new AioHandler?[_slotCount * 2];
            _slots.CopyTo(larger, 0);
            Volatile.Write(ref _slots, larger);
        }

        return _slotCount++;
    }

    private bool DispatchReady()
    {
        bool progress = false;
        while (_readyHead is { } handler)
        {
            // Unlinked before its callbacks: a nested poll may find it ready again.
            _readyHead = handler.NextReady;
            if (_readyHead is null)
            {
                _readyTail = null;
            }

            handler.NextReady = null;
            handler.IsReady = false;
            progress |= Dispatch(handler);
        }

        return progress;
    }

    private bool Dispatch(AioHandler handler)
    {
        short revents = (short)(handler.Revents & handler.Events);
        bool pollReady = handler.IsPollReady;
        handler.Revents = 0;
        handler.IsPollReady = false;
        if (handler.IsDeleted)
        {
            return false;
        }

        bool progress = handler != _notifierHandler;
        if (pollReady && revents == 0)
        {
            handler.PollReady!();
            return progress;
        }

        bool called = false;
        if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0 && handler.Read is { } read)
        {
            called = true;
            read();
        }

        if (!handler.IsDeleted && (revents & (POLLOUT | POLLERR)) != 0 && handler.Write is { } write)
        {
            called = true;
            write();
        }

        return called && progress;
    }

    private void DisposeHandlers()
    {
        lock (_handlerLock)
        {
            foreach (AioHandler handler in _handlersByFd.Values)
            {
                handler.IsDeleted = true;
            }

            _handlersByFd.Clear();
        }
    }
}
