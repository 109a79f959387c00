using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace VhostNet.Aio.BottomHalves;

/// <summary>
/// The bottom halves that the home thread will run, oldest first: those of the present passes, then those for the next one. Home thread only. It allocates when
/// it grows.
/// </summary>
internal struct BottomHalfRing
{
    private BottomHalf?[] _items;

    // They only grow, so that they count as well; the item is found by the low bits.
    private long _head;
    private long _limit;
    private long _tail;

    public BottomHalfRing(int capacity) => _items = new BottomHalf?[BitOperations.RoundUpToPowerOf2((uint)capacity)];

    public readonly bool IsEmpty => _head == _tail;

    /// <summary>How many there are.</summary>
    public readonly int Count => (int)(_tail - _head);

    /// <summary>How many were added since the beginning.</summary>
    public readonly long Added => Volatile.Read(in _tail);

    /// <summary>How many were taken since the beginning.</summary>
    public readonly long Taken => Volatile.Read(in _head);

    /// <summary>One of them, 0 being the oldest.</summary>
    public readonly BottomHalf this[int index] => _items[(int)(_head + index) & (_items.Length - 1)]!;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(BottomHalf bh)
    {
        BottomHalf?[] items = _items;
        long tail = _tail;
        if (tail - _head == items.Length)
        {
            items = Grow(0);
        }

        items[(int)tail & (items.Length - 1)] = bh;
        _tail = tail + 1;
    }

    /// <summary>Adds a linked list that begins with its youngest.</summary>
    public void AddReversed(BottomHalf newest)
    {
        int count = 0;
        for (BottomHalf? bh = newest; bh is not null; bh = bh.Next)
        {
            count++;
        }

        BottomHalf?[] items = Count + count <= _items.Length ? _items : Grow(count);
        _tail += count;
        int at = (int)_tail;
        for (BottomHalf? bh = newest; bh is not null;)
        {
            // Unlinked before its flags are taken: after that another thread may link it into the stack.
            BottomHalf? next = bh.Next;
            bh.Next = null;
            items[--at & (items.Length - 1)] = bh;
            bh = next;
        }
    }

    /// <summary>What is there now belongs to the present pass.</summary>
    public void BeginPass() => _limit = _tail;

    /// <summary>Takes the oldest of the present pass.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out BottomHalf? bh)
    {
        long head = _head;
        if (head == _limit)
        {
            bh = null;
            return false;
        }

        ref BottomHalf? item = ref _items[(int)head & (_items.Length - 1)];
        bh = item!;
        item = null;
        _head = head + 1;
        return true;
    }

    public void Clear()
    {
        Array.Clear(_items);
        _head = _limit = _tail;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private BottomHalf?[] Grow(int room)
    {
        BottomHalf?[] larger = new BottomHalf?[BitOperations.RoundUpToPowerOf2((uint)Math.Max(_items.Length * 2, Count + room))];
        for (long i = _head; i != _tail; i++)
        {
            larger[(int)i & (larger.Length - 1)] = _items[(int)i & (_items.Length - 1)];
        }

        return _items = larger;
    }
}
