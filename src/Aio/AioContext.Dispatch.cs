namespace VhostNet.Aio;

/// <content>The queue of handlers that are ready. It belongs to the context: a nested poll takes what the outer one has not run yet.</content>
public sealed partial class AioContext
{
    private const int ReadEvents = POLLIN | POLLHUP | POLLERR;
    private const int WriteEvents = POLLOUT | POLLERR;

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
        int revents = handler.Revents;
        bool pollReady = handler.IsPollReady;
        handler.Revents = 0;
        handler.IsPollReady = false;
        if (handler.IsDeleted)
        {
            return false;
        }

        if (handler.Poll is not null && !handler.IsOnPollList)
        {
            // Polling starts with the first sign of life, so that idle handlers cost nothing.
            AddToPollList(handler);
        }

        if (pollReady && revents == 0)
        {
            _handlersRun++;
            CallPollReady(handler);
            return true;
        }

        bool called = false;
        if ((revents & ReadEvents) != 0 && handler.Read is { } read)
        {
            called = true;
            read();
        }

        // A descriptor that is hung up stays so: if nobody reads, the writer must learn it, or the loop would spin.
        int writeEvents = handler.Read is null ? WriteEvents | POLLHUP : WriteEvents;
        if (!handler.IsDeleted && (revents & writeEvents) != 0 && handler.Write is { } write)
        {
            called = true;
            write();
        }

        _handlersRun += called ? 1 : 0;
        return called;
    }
}
