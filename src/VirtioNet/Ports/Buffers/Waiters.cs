using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// The senders that a full port made wait. A sender is added, then the port looks at its room once more; the port makes room, then looks whether anybody waits:
/// one of the two sees the other, so no wake-up is lost. Any thread.
/// </summary>
internal sealed class Waiters
{
    private readonly RingLock _lock = new();
    private BottomHalf[] _items = new BottomHalf[8];
    private int _count;

    /// <summary>Remembers a sender; once, however often it is added. Ends in a full fence.</summary>
    public void Add(BottomHalf waiter)
    {
        _lock.Enter();
        if (Array.IndexOf(_items, waiter, 0, _count) < 0)
        {
            if (_count == _items.Length)
            {
                // More senders than ever before: rare enough to pay for room.
                Array.Resize(ref _items, _count * 2);
            }

            _items[_count] = waiter;
            Volatile.Write(ref _count, _count + 1);
        }

        _lock.Exit();
        Interlocked.MemoryBarrier();
    }

    /// <summary>Schedules all senders and forgets them. To be called after room was made.</summary>
    public void ScheduleAll()
    {
        // Pairs with the fence of Add: the room is visible before we look who waits.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        _lock.Enter();
        for (int i = 0; i < _count; i++)
        {
            _items[i].Schedule();
            _items[i] = null!;
        }

        Volatile.Write(ref _count, 0);
        _lock.Exit();
    }
}
