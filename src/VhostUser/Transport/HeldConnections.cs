using VhostNet.Aio;
using VhostNet.Aio.Timers;

namespace VhostNet.VhostUser.Transport;

/// <summary>
/// Connections that are turned away without being told so at once: each is kept for a while, unread, and then closed. Whoever tries again and again is slowed
/// by that instead of being answered as often as it likes. The number is bounded; nothing waits. Control thread.
/// </summary>
internal sealed class HeldConnections : IDisposable
{
    /// <summary>How many are kept at most.</summary>
    public const int CountMax = 4;

    private readonly Queue<(FileDescriptor Socket, long UntilNs)> _held = new();
    private readonly AioClock _clock;
    private readonly AioTimer _timer;
    private readonly Action _released;

    /// <summary>Makes an empty set.</summary>
    /// <param name="context">The loop.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="released">Called when there is room for one more.</param>
    public HeldConnections(AioContext context, AioClock clock, Action released)
    {
        _clock = clock;
        _released = released;
        _timer = context.CreateTimer(clock, Release);
    }

    /// <summary>Whether there is no room for another one.</summary>
    public bool IsFull => _held.Count >= CountMax;

    /// <summary>How many are kept at present.</summary>
    public int Count => _held.Count;

    /// <summary>Keeps a connection, which belongs to this from here on.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="untilNs">Until when; not before those that are kept already.</param>
    public void Add(FileDescriptor socket, long untilNs)
    {
        _held.Enqueue((socket, untilNs));
        if (_held.Count == 1)
        {
            _timer.Modify(untilNs);
        }
    }

    /// <summary>Closes all.</summary>
    public void Clear()
    {
        _timer.Delete();
        while (_held.TryDequeue(out (FileDescriptor Socket, long UntilNs) held))
        {
            held.Socket.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private void Release()
    {
        while (_held.TryPeek(out (FileDescriptor Socket, long UntilNs) held) && held.UntilNs <= _clock.NowNs)
        {
            held.Socket.Dispose();
            _held.Dequeue();
        }

        if (_held.TryPeek(out (FileDescriptor Socket, long UntilNs) next))
        {
            _timer.Modify(next.UntilNs);
        }

        _released();
    }
}
