using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>The handlers that are polled in user space, and the begin and end of poll mode.</content>
public sealed partial class AioContext
{
    private AioHandler[] _pollHandlers = new AioHandler[8];
    private int _pollHandlerCount;

    /// <summary>Enters or leaves poll mode.</summary>
    /// <returns>Whether a handler turned out to be ready when it was polled a last time.</returns>
    private bool SetPollStarted(bool started)
    {
        if (_home.PollStarted == started)
        {
            return false;
        }

        _home.PollStarted = started;
        bool found = false;

        // Backwards: a callback may remove handlers, and none may be left out. One that comes twice is in the right mode already.
        for (int i = _pollHandlerCount - 1; i >= 0; i = Math.Min(i, _pollHandlerCount) - 1)
        {
            found |= SyncPollMode(_pollHandlers[i]);
        }

        return found;
    }

    private bool SyncPollMode(AioHandler handler)
    {
        if (handler.IsDeleted || handler.InPollReady || handler.PollStarted == _home.PollStarted)
        {
            return false;
        }

        handler.PollStarted = _home.PollStarted;
        if (_home.PollStarted)
        {
            Invoke(handler, handler.PollBegin, "poll begin callback");
            return false;
        }

        Invoke(handler, handler.PollEnd, "poll end callback");

        // What came before the end callback turned notifications on again was not notified.
        if (!AskPoll(handler))
        {
            return false;
        }

        handler.IsPollReady = true;
        Link(handler);
        return true;
    }

    private void CallPollReady(AioHandler handler)
    {
        if (handler.InPollReady)
        {
            return;
        }

        handler.InPollReady = true;
        try
        {
            handler.PollReady!();
        }
        finally
        {
            handler.InPollReady = false;
        }

        if (handler.PollStarted != _home.PollStarted && handler.IsOnPollList)
        {
            SyncPollMode(handler);
        }
    }

    private void AddToPollList(AioHandler handler)
    {
        if (_pollHandlerCount == _pollHandlers.Length)
        {
            Array.Resize(ref _pollHandlers, _pollHandlerCount * 2);
        }

        handler.IsOnPollList = true;
        handler.IdleSinceNs = 0;
        _pollHandlers[_pollHandlerCount++] = handler;
        SyncPollMode(handler);
    }

    /// <summary>
    /// Ends the polling of a handler, which may have been removed or replaced. As when poll mode ends, whoever takes over looks once more: what came before the
    /// end callback was not notified.
    /// </summary>
    private void RemoveFromPollList(AioHandler handler)
    {
        int index = Array.IndexOf(_pollHandlers, handler, 0, _pollHandlerCount);
        handler.IsOnPollList = false;
        _pollHandlerCount--;
        Array.Copy(_pollHandlers, index + 1, _pollHandlers, index, _pollHandlerCount - index);
        _pollHandlers[_pollHandlerCount] = null!;
        if (handler.PollStarted)
        {
            handler.PollStarted = false;
            Invoke(handler, handler.PollEnd, "poll end callback");
            AioHandler? next = handler.IsDeleted ? Volatile.Read(ref Volatile.Read(ref _slots)[handler.Slot]) : handler;
            if (next is { Poll: not null, IsDeleted: false, InPollReady: false } && next.Fd == handler.Fd && AskPoll(next))
            {
                next.IsPollReady = true;
                Link(next);
            }
        }
    }
}
