using VhostNet.Aio.Failpoints;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>Descriptor handlers.</content>
public sealed partial class AioContext
{
    private readonly Lock _handlerLock = new();
    private readonly Dictionary<int, AioHandler> _handlersByFd = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly Stack<AioHandler> _retired = new();
    private AioHandler?[] _slots = new AioHandler?[16];
    private int _slotCount;
    private uint _generation;
    private int _handlerVersion;
    private int _pollDisableCount;
    private int _pollableCount;
    private int _watchedCount;
    private AioHandler? _readyHead;
    private AioHandler? _readyTail;

    /// <summary>Changes with every change of the handlers.</summary>
    int IHandlerLoop.HandlerVersion => Volatile.Read(ref _handlerVersion);

    /// <summary>
    /// Sets, changes or (all null) removes the callbacks of a descriptor. Remove them before the descriptor is closed: afterwards the number may be another
    /// file's.
    /// </summary>
    /// <param name="fd">Descriptor.</param>
    /// <param name="read">Called when it is readable, hung up or in error.</param>
    /// <param name="write">Called when it is writable or in error; without <paramref name="read"/> also when it is hung up.</param>
    /// <param name="poll">Looks without a system call whether there is something to do. It may be called at any time while the handler is set.</param>
    /// <param name="pollReady">Called after <paramref name="poll"/> returned true; without it <paramref name="poll"/> is ignored.</param>
    /// <exception cref="ErrnoException">The kernel can't watch the descriptor; nothing has changed.</exception>
    /// <remarks>A callback that runs on the home thread while another thread removes it goes on; afterwards it is not called.</remarks>
    public void SetFdHandler(int fd, Action? read, Action? write = null, Func<bool>? poll = null, Action? pollReady = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fd);
        if (_hasWaitHandles)
        {
            throw new NotSupportedException($"Context '{Name}' waits on wait handles; descriptor {fd} can't be watched there, an event notifier of CreatePortable can.");
        }

        SetHandler(fd, read, write, poll, pollReady, null);
    }

    /// <summary>
    /// Sets the callbacks that are called when the loop starts and stops to poll a descriptor in user space. Home thread, or before the loop runs.
    /// </summary>
    /// <exception cref="InvalidOperationException">The descriptor has no handler.</exception>
    public void SetFdPollCallbacks(int fd, Action? begin, Action? end)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
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
    /// <exception cref="NotSupportedException">A portable notifier in a context of descriptors, or the other way round.</exception>
    public void SetEventNotifier(EventNotifier notifier, Action? read, Func<bool>? poll = null, Action? pollReady = null)
    {
        ArgumentNullException.ThrowIfNull(notifier);
        if (_hasWaitHandles != (notifier.WaitHandle is not null))
        {
            throw new NotSupportedException(_hasWaitHandles
                ? $"Context '{Name}' waits on wait handles; it needs an event notifier of CreatePortable, not an eventfd."
                : $"Context '{Name}' waits on descriptors; a portable event notifier has none.");
        }

        SetHandler(notifier.Key, read, null, poll, pollReady, notifier.WaitHandle);
    }

    /// <summary>As <see cref="SetFdPollCallbacks"/>, for an event notifier.</summary>
    public void SetEventNotifierPollCallbacks(EventNotifier notifier, Action? begin, Action? end)
    {
        ArgumentNullException.ThrowIfNull(notifier);
        SetFdPollCallbacks(notifier.Key, begin, end);
    }

    /// <summary>
    /// Removes a handler whose descriptor the kernel does not know: it was closed first. epoll forgets such a descriptor by itself, so that no monitor may do
    /// more than count it.
    /// </summary>
    void IHandlerLoop.LoseHandler(ulong token)
    {
        if (FindHandler(token) is not { } handler)
        {
            return;
        }

        Reach(Failpoint.HandlerLosing);
        lock (_handlerLock)
        {
            // Another thread may have set a new handler since, of a file that got the same number.
            if (!_handlersByFd.TryGetValue(handler.Fd, out AioHandler? present) || present != handler)
            {
                return;
            }

            Replace(handler.Fd, handler, null);
            _handlersLost++;
        }

        SyncHandlers();
        Notify();
    }

    /// <summary>Marks the handler of a token ready, unless it was replaced since.</summary>
    internal void MarkReady(ulong token, short revents)
    {
        if (FindHandler(token) is { } handler)
        {
            handler.Revents |= revents;
            if (handler.IsInternal)
            {
                _home.NotifierReadable = true;
            }
            else
            {
                Link(handler);
            }
        }
    }

    /// <summary>Copies what poll(2) needs; called by its monitor.</summary>
    /// <returns>The version that the copy is of.</returns>
    int IHandlerLoop.Snapshot(ref pollfd[] fds, ref ulong[] tokens, out int count)
    {
        lock (_handlerLock)
        {
            if (fds.Length < _slotCount)
            {
                Array.Resize(ref fds, _slots.Length);
                Array.Resize(ref tokens, _slots.Length);
            }

            count = 0;
            foreach (AioHandler? handler in _slots.AsSpan(0, _slotCount))
            {
                if (handler is { Events: not 0 })
                {
                    fds[count] = new pollfd { fd = handler.Fd, events = handler.Events };
                    tokens[count++] = handler.Token;
                }
            }

            return _handlerVersion;
        }
    }

    /// <summary>The handler of a token, null if it was removed or replaced.</summary>
    internal AioHandler? FindHandler(ulong token)
    {
        AioHandler?[] slots = Volatile.Read(ref _slots);
        uint slot = (uint)token;
        return slot < (uint)slots.Length && slots[slot] is { } handler && handler.Token == token && !handler.IsDeleted ? handler : null;
    }

    private void SetHandler(int key, Action? read, Action? write, Func<bool>? poll, Action? pollReady, WaitHandle? waitHandle)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        bool remove = read is null && write is null && (poll is null || pollReady is null);
        lock (_handlerLock)
        {
            if (!_handlersByFd.TryGetValue(key, out AioHandler? old) && remove)
            {
                return;
            }

            // A change that is made on nobody's behalf leaves the handler whose it was.
            Replace(key, old, remove ? null : new AioHandler(key, read, write, poll, pollReady) { WaitHandle = waitHandle, Owner = FaultScope.Current ?? old?.Owner });
        }

        if (IsHomeThread)
        {
            SyncHandlers();
        }

        Notify();
    }

    private void Replace(int key, AioHandler? old, AioHandler? handler)
    {
        if (handler is not null)
        {
            handler.Slot = old?.Slot ?? TakeSlot();
            handler.Generation = ++_generation;
            handler.PollBegin = old?.PollBegin;
            handler.PollEnd = old?.PollEnd;
        }

        // In the table before the monitor knows it: io_uring gives each event once, and the home thread may take it at once.
        int slot = (handler ?? old!).Slot;
        Volatile.Write(ref _slots[slot], handler);
        try
        {
            UpdateMonitor(old, handler);
            Reach(Failpoint.MonitorUpdated);
        }
        catch
        {
            Volatile.Write(ref _slots[slot], old);
            if (old is null)
            {
                _freeSlots.Push(handler!.Slot);
            }

            throw;
        }

        if (handler is null)
        {
            _handlersByFd.Remove(key);
            _freeSlots.Push(old!.Slot);
        }
        else
        {
            _handlersByFd[key] = handler;
        }

        if (old is not null)
        {
            old.IsDeleted = true;
            _retired.Push(old);
        }

        _pollDisableCount += CountsAsUnpollable(handler) - CountsAsUnpollable(old);
        _pollableCount += CountsAsPollable(handler) - CountsAsPollable(old);
        _handlerVersion++;
        _watchedCount = _handlersByFd.Count - 1;
        Interlocked.Or(ref _attention, AttentionHandlers);
    }

    private static int CountsAsUnpollable(AioHandler? handler) => handler is { Poll: null, IsInternal: false } ? 1 : 0;

    private static int CountsAsPollable(AioHandler? handler) => handler is { Poll: not null } ? 1 : 0;

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
}
