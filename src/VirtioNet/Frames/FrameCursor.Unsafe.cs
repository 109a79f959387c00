using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <summary>A position in a frame's segments, from which slices are taken by reference. A copy of the cursor remembers a position. Not thread-safe.</summary>
internal unsafe struct FrameCursor
{
    // SAFETY: points into the burst's segment array, of which the constructor checked the first and the last entry; used only while _segmentsLeft > 0.
    private GuestSegment* _next;
    private int _segmentsLeft;
    private nint _address;
    private uint _length;

    /// <summary>Starts at a frame's first byte.</summary>
    // SAFETY: the segment array is native memory that outlives the cursor, so its address stays valid without pinning.
    public FrameCursor(FrameBurst burst, int frame)
    {
        ref Chain chain = ref burst[frame];
        if (chain.SegmentCount <= 1)
        {
            _address = chain.Address;
            _length = chain.SegmentCount == 0 ? 0 : chain.Length;
            return;
        }

        _ = burst.Chains.Segment(chain.SegmentStart + chain.SegmentCount - 1);
        _next = (GuestSegment*)Unsafe.AsPointer(ref burst.Chains.Segment(chain.SegmentStart));
        _segmentsLeft = chain.SegmentCount;
    }

    /// <summary>Moves on by <paramref name="length"/> bytes.</summary>
    public void Skip(uint length)
    {
        while (length > 0 && Advance())
        {
            uint step = Math.Min(length, _length);
            _address += (nint)step;
            _length -= step;
            length -= step;
        }
    }

    /// <summary>Bytes that lie in one piece from here on; 0 at the frame's end.</summary>
    public uint Contiguous() => Advance() ? _length : 0;

    /// <summary>Takes the next <paramref name="length"/> bytes, no more than <see cref="Contiguous"/>, in one piece.</summary>
    public GuestSegment TakeContiguous(uint length)
    {
        var piece = new GuestSegment(_address, length);
        _address += (nint)length;
        _length -= length;
        return piece;
    }

    /// <summary>Takes the next <paramref name="length"/> bytes as slices.</summary>
    /// <returns>The number of slices, or -1 when there is no room for them or the frame ends before.</returns>
    // SAFETY: writes at most capacity entries; slices lie inside checked segments.
    public int Take(uint length, GuestSegment* slices, int capacity)
    {
        int count = 0;
        while (length > 0)
        {
            if (count == capacity || !Advance())
            {
                return -1;
            }

            uint step = Math.Min(length, _length);
            slices[count++] = new GuestSegment(_address, step);
            _address += (nint)step;
            _length -= step;
            length -= step;
        }

        return count;
    }

    // SAFETY: _segmentsLeft counts the entries from _next on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Advance()
    {
        while (_length == 0)
        {
            if (_segmentsLeft == 0)
            {
                return false;
            }

            _segmentsLeft--;
            _address = _next->Address;
            _length = _next->Length;
            _next++;
        }

        return true;
    }
}
