using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// The chains handled between two looks at the avail index: room for up to <see cref="ChainsMax"/> chains and their segments, in native memory that is
/// allocated once. Owned by whoever drives the queue; what it holds is valid from <see cref="Virtqueue.Peek(ChainBurst, int, ChainDirection)"/> to
/// <see cref="Virtqueue.Complete"/>, under the queue's lock.
/// </summary>
public sealed unsafe class ChainBurst : IDisposable
{
    /// <summary>Most chains in a burst.</summary>
    public const int ChainsMax = 256;

    /// <summary>
    /// Most segments of one chain, descriptors that span two regions counted twice: what writev takes (IOV_MAX), and more than any guest's driver uses.
    /// </summary>
    public const int ChainSegmentsMax = 1024;

    /// <summary>
    /// Most descriptors of one chain of a packed ring, whatever they hold: a walk that is not at its end there breaks the ring, as only a chain's last
    /// descriptor tells which buffer it is.
    /// </summary>
    internal const int ChainDescriptorsMax = 2 * ChainSegmentsMax;

    /// <summary>Most segments of all chains of a burst with more than one segment.</summary>
    public const int SegmentsMax = 4 * ChainSegmentsMax;

    private readonly RingAllocator _allocator = RingAllocator.Current;

    /// <summary>Allocates the burst.</summary>
    public ChainBurst()
    {
        Chains = (Chain*)_allocator.Allocate(ChainsMax * (nuint)sizeof(Chain));
        Segments = (GuestSegment*)_allocator.Allocate(SegmentsMax * (nuint)sizeof(GuestSegment));
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~ChainBurst() => Free();

    // SAFETY: both arrays are allocated above with their sizes and freed only by Dispose, which leaves null pointers; all indices are produced by the queue
    // code below these bounds.
    /// <summary>The chains, for data paths' *.Unsafe.cs files; all others use the indexer. Null once disposed of.</summary>
    public Chain* Chains { get; private set; }

    /// <summary>
    /// The segments of chains that have more than one, for data paths' *.Unsafe.cs files; all others use <see cref="Segment"/>. Null once disposed of.
    /// </summary>
    public GuestSegment* Segments { get; private set; }

    /// <summary>Chains filled by the last <see cref="Virtqueue.Peek(ChainBurst, int, ChainDirection)"/>.</summary>
    public int Count { get; internal set; }

    /// <summary>Segments used so far by chains of more than one segment.</summary>
    public int SegmentsUsed { get; internal set; }

    /// <summary>The chain at <paramref name="index"/>, to be read or trimmed in place.</summary>
    // SAFETY: the check keeps the reference inside the array, which outlives every user of the burst.
    public ref Chain this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((uint)index >= ChainsMax)
            {
                ThrowIndex();
            }

            return ref Chains[index];
        }
    }

    /// <summary>The segment at <paramref name="index"/>: those of a chain follow each other from its SegmentStart.</summary>
    // SAFETY: the check keeps the reference inside the array, which outlives every user of the burst.
    public ref GuestSegment Segment(int index)
    {
        if ((uint)index >= SegmentsMax)
        {
            ThrowIndex();
        }

        return ref Segments[index];
    }

    /// <summary>One segment of a chain of this burst: a chain that has only one holds it itself.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="position">Which of its segments, from 0 on and below its SegmentCount.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GuestSegment SegmentOf(in Chain chain, int position) =>
        chain.SegmentCount == 1 ? new GuestSegment(chain.Address, chain.Length) : Segment(chain.SegmentStart + position);

    /// <summary>Forgets all chains and segments.</summary>
    public void ResetSegments()
    {
        Count = 0;
        SegmentsUsed = 0;
    }

    /// <summary>Makes chain <paramref name="index"/> a single segment.</summary>
    public void SetSingle(int index, nint address, uint length)
    {
        ref Chain chain = ref this[index];
        chain.Address = address;
        chain.Length = length;
        chain.TotalLength = length;
        chain.SegmentCount = 1;
    }

    /// <summary>Makes chain <paramref name="index"/> these two segments; false when the segment array is full.</summary>
    // SAFETY: both entries lie inside the array, as was just checked.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TrySetPair(int index, GuestSegment first, GuestSegment second)
    {
        int start = SegmentsUsed;
        if (start > SegmentsMax - 2)
        {
            return false;
        }

        Segments[start] = first;
        Segments[start + 1] = second;
        SegmentsUsed = start + 2;
        ref Chain chain = ref this[index];
        chain.Address = first.Address;
        chain.Length = first.Length;
        chain.TotalLength = first.Length + second.Length;
        chain.SegmentStart = start;
        chain.SegmentCount = 2;
        return true;
    }

    /// <summary>Makes chain <paramref name="index"/> a copy of these segments; false when the segment array is full or the list is empty.</summary>
    public bool TrySet(int index, ReadOnlySpan<GuestSegment> segments)
    {
        if (segments.IsEmpty || segments.Length > SegmentsMax - SegmentsUsed)
        {
            return false;
        }

        ref Chain chain = ref this[index];
        GuestSegment* to = Segments + SegmentsUsed;
        uint total = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            to[i] = segments[i];
            total += segments[i].Length;
        }

        chain.SegmentStart = SegmentsUsed;
        chain.SegmentCount = segments.Length;
        chain.Address = segments[0].Address;
        chain.Length = segments[0].Length;
        chain.TotalLength = total;
        SegmentsUsed += segments.Length;
        return true;
    }

    /// <summary>Cuts <paramref name="length"/> bytes, fewer than it has, off the start of a chain.</summary>
    public void TrimStart(int index, uint length)
    {
        ref Chain chain = ref this[index];
        chain.TotalLength -= length;
        while (length >= chain.Length && chain.SegmentCount > 1)
        {
            length -= chain.Length;
            chain.SegmentStart++;
            chain.SegmentCount--;
            GuestSegment next = Segment(chain.SegmentStart);
            chain.Address = next.Address;
            chain.Length = next.Length;
        }

        chain.Address += (nint)length;
        chain.Length -= length;
        if (chain.SegmentCount > 1)
        {
            Segment(chain.SegmentStart) = new GuestSegment(chain.Address, chain.Length);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void ThrowIndex() => throw new ArgumentOutOfRangeException("index", "The index lies outside the burst.");

    private void Free()
    {
        Chain* chains = Chains;
        GuestSegment* segments = Segments;
        Chains = null;
        Segments = null;
        if (chains is not null)
        {
            _allocator.Free((nint)chains, ChainsMax * (nuint)sizeof(Chain));
        }

        if (segments is not null)
        {
            _allocator.Free((nint)segments, SegmentsMax * (nuint)sizeof(GuestSegment));
        }
    }
}
