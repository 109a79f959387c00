using System.Runtime.CompilerServices;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;

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
        (IFaultOwner?, byte) outer = EnterStage(AioActivity.Handlers);
        bool progress = false;
        try
        {
            while (!DispatchReady(ref progress))
            {
            }
        }
        finally
        {
            LeaveStage(outer);
        }

        return progress;
    }

    /// <returns>False if an exception was handed to its owner; the rest of the list is still to run.</returns>
    private bool DispatchReady(ref bool progress)
    {
        FaultFrame frame = _frame;
        AioHandler? handler = null;
        try
        {
            while ((handler = TakeReady()) is not null)
            {
                frame.Switch(handler.Owner);
                progress |= Dispatch(handler);
            }

            return true;
        }
        catch (Exception e) when (Answers(handler?.Owner, e))
        {
            progress = true;
            Report(handler!, "handler", e);
            return false;
        }
    }

    /// <summary>Takes the next one. It is unlinked before its callbacks: a nested poll may find it ready again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AioHandler? TakeReady()
    {
        if (_readyHead is not { } handler)
        {
            return null;
        }

        _readyHead = handler.NextReady;
        if (_readyHead is null)
        {
            _readyTail = null;
        }

        handler.NextReady = null;
        handler.IsReady = false;
        return handler;
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
