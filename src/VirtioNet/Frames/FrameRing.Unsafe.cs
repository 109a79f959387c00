using System.Numerics;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// A bounded queue of whole frames in native memory, for ports that work on a thread of their own: any number of producers, one at a time under
/// <see cref="Lock"/> (taken once per burst), and one consumer that needs no lock. Frames lie contiguous, one behind the other; nothing is allocated after
/// construction.
/// </summary>
internal sealed unsafe class FrameRing : IDisposable
{
    /// <summary>Bytes that a frame takes beyond its own, at most.</summary>
    public const int Overhead = RecordSize + Alignment;

    private const int RecordSize = 32;
    private const int Alignment = 16;
    private const int SkipMark = -1;

    // SAFETY: allocated here with _capacity bytes and freed only by Dispose; every offset is taken modulo _capacity and every record was checked to fit.
    private readonly byte* _memory;
    private readonly int _capacity;
    private readonly RingLock _lock = new();
    private long _reserved;
    private long _head;
    private long _tail;
    private bool _disposed;

    /// <summary>Allocates a ring.</summary>
    /// <param name="capacity">Bytes for frames with their <see cref="Overhead"/>; rounded up to a power of two.</param>
    public FrameRing(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, RecordSize + Alignment);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 30);
        _capacity = (int)BitOperations.RoundUpToPowerOf2((uint)capacity);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)_capacity, 64);
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~FrameRing() => Free();

    /// <summary>Held by a producer around <see cref="TryReserve"/>, <see cref="Commit"/> and <see cref="TryAppend"/>.</summary>
    public RingLock Lock => _lock;

    /// <summary>True when nothing is queued. Any thread; a hint unless asked by the consumer.</summary>
    public bool IsEmpty => Volatile.Read(ref _head) == Volatile.Read(ref _tail);

    /// <summary>Bytes in use, overhead included. Any thread; a hint.</summary>
    public int UsedBytes => (int)(Volatile.Read(ref _head) - Volatile.Read(ref _tail));

    /// <summary>Size of the ring in bytes.</summary>
    public int Capacity => _capacity;

    /// <summary>Finds contiguous room for a frame of up to <paramref name="length"/> bytes, to be filled and then committed. Needs the lock.</summary>
    /// <returns>False when the ring is too full; an empty ring takes a frame of half its capacity for certain.</returns>
    // SAFETY: offset + record + length was checked to end inside the ring, and the consumer does not look past _head.
    public bool TryReserve(int length, out Span<byte> room)
    {
        room = default;
        int need = RecordSize + Align(length);
        long head = _head;
        int offset = (int)(head & (_capacity - 1));
        int toEnd = _capacity - offset;
        long free = _capacity - (head - Volatile.Read(ref _tail));
        if (need <= toEnd)
        {
            if (need > free)
            {
                return false;
            }

            _reserved = head;
        }
        else
        {
            if (toEnd + (long)need > free)
            {
                return false;
            }

            ((Record*)(_memory + offset))->Length = SkipMark;
            _reserved = head + toEnd;
            offset = 0;
        }

        room = new Span<byte>(_memory + offset + RecordSize, length);
        return true;
    }

    /// <summary>Queues the frame whose room was reserved last. Needs the lock.</summary>
    /// <param name="header">The frame's header.</param>
    /// <param name="length">Bytes of the frame, no more than were reserved.</param>
    /// <param name="stamp">A value that travels with the frame, such as a time.</param>
    /// <param name="tag">A number that travels with the frame, such as a direction.</param>
    // SAFETY: _reserved is where TryReserve found room for the record and the frame.
    public void Commit(in VirtioNetHeader header, int length, long stamp = 0, int tag = 0)
    {
        var record = (Record*)(_memory + (_reserved & (_capacity - 1)));
        record->Length = length;
        record->Tag = tag;
        record->Stamp = stamp;
        record->Header = header;

        // Pairs with the consumer's acquire in Peek: the record and the frame are written before the head passes them.
        Volatile.Write(ref _head, _reserved + RecordSize + Align(length));
    }

    /// <summary>Queues a copy of a frame of a burst. Needs the lock.</summary>
    /// <param name="burst">Where the frame is.</param>
    /// <param name="index">Which frame.</param>
    /// <param name="stamp">A value that travels with the frame.</param>
    /// <param name="tag">A number that travels with the frame.</param>
    /// <param name="snap">At most this many of the frame's bytes are kept.</param>
    /// <returns>False when the ring is too full.</returns>
    public bool TryAppend(FrameBurst burst, int index, long stamp = 0, int tag = 0, int snap = int.MaxValue)
    {
        int length = (int)Math.Min(burst[index].TotalLength, (uint)snap);
        if (!TryReserve(length, out Span<byte> room))
        {
            return false;
        }

        burst.CopyTo(index, 0, room);
        Commit(burst.Header(index), length, stamp, tag);
        return true;
    }

    /// <summary>
    /// Fills an empty burst with the oldest frames, up to <see cref="TurnBudget.BurstBytesMax"/>, which stay queued until <see cref="Release"/>. Consumer only.
    /// </summary>
    /// <returns>The number of frames.</returns>
    // SAFETY: the records between tail and head were completed by Commit, which checked that they end inside the ring.
    public int Peek(FrameBurst burst, int max)
    {
        burst.Clear();
        long position = _tail;
        long head = Volatile.Read(ref _head);
        long bytes = 0;
        while (burst.Count < max && position < head && bytes < TurnBudget.BurstBytesMax)
        {
            Record* record = At(ref position);
            if (!burst.TryAdd(record->Header, (nint)record + RecordSize, (uint)record->Length))
            {
                break;
            }

            bytes += record->Length;
            position += RecordSize + Align(record->Length);
        }

        return burst.Count;
    }

    /// <summary>The oldest frame, with what travels with it; it stays queued until <see cref="Release"/>. Consumer only.</summary>
    // SAFETY: as in Peek.
    public bool TryPeek(out Span<byte> frame, out VirtioNetHeader header, out long stamp, out int tag)
    {
        long position = _tail;
        if (position == Volatile.Read(ref _head))
        {
            frame = default;
            header = default;
            stamp = tag = 0;
            return false;
        }

        Record* record = At(ref position);
        frame = new Span<byte>((byte*)record + RecordSize, record->Length);
        header = record->Header;
        stamp = record->Stamp;
        tag = record->Tag;
        return true;
    }

    /// <summary>Gives the room of the oldest <paramref name="count"/> frames back; they must have been peeked. Consumer only.</summary>
    // SAFETY: as in Peek.
    public void Release(int count)
    {
        long position = _tail;
        for (int i = 0; i < count; i++)
        {
            Record* record = At(ref position);
            position += RecordSize + Align(record->Length);
        }

        // Pairs with the producer's acquire in TryReserve: the frames are done with before their room is written again.
        Volatile.Write(ref _tail, position);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static int Align(int length) => (length + Alignment - 1) & -Alignment;

    // SAFETY: positions are multiples of the alignment below _head; a skip mark always fits, as the rest of the ring holds at least one aligned unit.
    private Record* At(ref long position)
    {
        var record = (Record*)(_memory + (position & (_capacity - 1)));
        if (record->Length == SkipMark)
        {
            position += _capacity - (position & (_capacity - 1));
            record = (Record*)_memory;
        }

        return record;
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_memory);
        }
    }

    [StructLayout(LayoutKind.Sequential, Size = RecordSize)]
    private struct Record
    {
        public int Length;
        public int Tag;
        public long Stamp;
        public VirtioNetHeader Header;
    }
}
