using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// The senders that a full port made wait. A sender is added, then the port looks at its room once more; the port makes room, then looks whether anybody waits:
/// one of the two sees the other, so no wake-up is lost. Any thread.
/// </summary>
internal sealed class SharedWaiters
{
    private readonly RingLock _lock = new();
    private readonly Waiters _waiters = new(room: 8, max: int.MaxValue);

    /// <summary>Remembers a sender; once, however often it is added. Ends in a full fence.</summary>
    public void Add(BottomHalf waiter)
    {
        _lock.Enter();
        _ = _waiters.TryAdd(waiter);
        _lock.Exit();
        Interlocked.MemoryBarrier();
    }

    /// <summary>Schedules all senders and forgets them. To be called after room was made.</summary>
    public void ScheduleAll()
    {
        // Pairs with the fence of Add: the room is visible before we look who waits.
        Interlocked.MemoryBarrier();
        if (_waiters.IsEmpty)
        {
            return;
        }

        _lock.Enter();
        _waiters.ScheduleAll();
        _lock.Exit();
    }
}
