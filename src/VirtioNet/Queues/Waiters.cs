using VhostNet.Aio.BottomHalves;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Senders that wait until somebody has room for their frames, each there once. Whoever owns the list calls it under a lock of its own; only <see
/// cref="IsEmpty"/> is for any thread at any time.
/// </summary>
/// <param name="room">How many there is room for without allocating.</param>
/// <param name="max">How many there may be.</param>
internal sealed class Waiters(int room, int max)
{
    private BottomHalf?[] _items = new BottomHalf?[room];
    private int _count;

    /// <summary>True when nobody waits. Any thread.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Remembers a sender; false when too many wait.</summary>
    public bool TryAdd(BottomHalf waiter)
    {
        if (Array.IndexOf(_items, waiter, 0, _count) >= 0)
        {
            return true;
        }

        if (_count == max)
        {
            return false;
        }

        if (_count == _items.Length)
        {
            // More senders than ever before: rare enough to pay for room.
            Array.Resize(ref _items, Math.Min(max, _count * 2));
        }

        _items[_count] = waiter;
        Volatile.Write(ref _count, _count + 1);
        return true;
    }

    /// <summary>Forgets a sender.</summary>
    public void Remove(BottomHalf waiter)
    {
        int index = Array.IndexOf(_items, waiter, 0, _count);
        if (index >= 0)
        {
            _items[index] = _items[_count - 1];
            _items[--_count] = null;
        }
    }

    /// <summary>Schedules all senders and forgets them.</summary>
    public void ScheduleAll()
    {
        int count = _count;
        Volatile.Write(ref _count, 0);
        for (int i = 0; i < count; i++)
        {
            _items[i]!.Schedule();
            _items[i] = null;
        }
    }
}
