using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>How the home thread takes over changes of the handlers.</content>
public sealed partial class AioContext
{
    /// <summary>Brings what belongs to the home thread up to date with the table of handlers.</summary>
    private void SyncHandlers()
    {
        Interlocked.And(ref _attention, ~AttentionHandlers);
        while (TakeRetired() is { } handler)
        {
            if (handler.IsOnPollList)
            {
                // The end callback is owed also by a handler that was removed while it was polled; without it a guest's kicks would stay off.
                RemoveFromPollList(handler);
            }
        }

        if (_busy)
        {
            // One look at one thing: a count beside the array could be the new one while the array is still the old one. Who sets a handler after this look
            // asks for another.
            AioHandler?[] slots = Volatile.Read(ref _slots);
            for (int i = 0; i < slots.Length; i++)
            {
                if (Volatile.Read(ref slots[i]) is { Poll: not null, IsOnPollList: false, IsDeleted: false } handler)
                {
                    AddToPollList(handler);
                }
            }
        }

        SyncMonitor();
    }

    private AioHandler? TakeRetired()
    {
        lock (_handlerLock)
        {
            return _retired.TryPop(out AioHandler? handler) ? handler : null;
        }
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
            Array.Clear(_slots);
        }

        while (_pollHandlerCount > 0)
        {
            RemoveFromPollList(_pollHandlers[_pollHandlerCount - 1]);
        }
    }
}
