using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Queues;

/// <content>The ways that a frame can go.</content>
// SAFETY: as in the other part of this class.
internal sealed unsafe partial class RxFiller
{
    /// <summary>What a guest may be told of a header's first eight bytes beside the flags, which come first: all of it, as it came.</summary>
    private const ulong GuestHeaderMask = ~0xffUL;

    /// <summary>
    /// A complete frame in one piece, about which a guest with a modern header in our byte order is told nothing, for one buffer that holds all of it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPlain(Chain* source, Chain* target, VirtioNetHeader* header, uint length) =>
        source->SegmentCount == 1 && target->SegmentCount == 1 && header->IsBlank
        && target->Length - VirtioNetHeader.Size >= length && target->Length >= VirtioNetHeader.Size;

    /// <summary>Such a frame: its header is written only where it does not stand already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyPlain(Chain* source, Chain* target, uint length)
    {
        byte* destination = (byte*)target->Address;
        if (Unsafe.ReadUnaligned<ulong>(destination) != 0 || Unsafe.ReadUnaligned<uint>(destination + 8) != PlainHeaderHigh)
        {
            Unsafe.WriteUnaligned(destination, 0UL);
            Unsafe.WriteUnaligned(destination + 8, PlainHeaderHigh);
        }

        MemoryCopy.Copy(destination + VirtioNetHeader.Size, (byte*)source->Address, length);
        target->Written = length + VirtioNetHeader.Size;
    }

    /// <summary>Any frame into one buffer, its checksum finished if that is to be done here; false when it does not hold all of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPlaceInOne<TOrder>(FrameBurst burst, Chain* source, VirtioNetHeader* header, Chain* target)
        where TOrder : struct, IHeaderOrder => MustFinish(header)
        ? TryGatherFinished<TOrder>(burst, source, header, target)
        : TryGather<TOrder>(burst, source, header, target);

    /// <summary>
    /// A frame in any number of pieces and with any header into one buffer that holds all of it: most of what a guest with offloads sends, and all that was
    /// finished in software. False when it is none.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryGather<TOrder>(FrameBurst burst, Chain* source, VirtioNetHeader* header, Chain* target)
        where TOrder : struct, IHeaderOrder
    {
        uint headerSize = _headerSize;
        uint total = source->TotalLength;
        if (source->SegmentCount == 0 || target->SegmentCount != 1 || target->Length < headerSize || target->Length - headerSize < total)
        {
            return false;
        }

        byte* to = (byte*)target->Address;

        // Words, not fields: a wide load that follows narrow stores to the same place waits for them.
        Unsafe.WriteUnaligned(to, TOrder.OrderLow(Unsafe.ReadUnaligned<ulong>(header) & (GuestHeaderMask | _guestFlags)));
        ushort high = Unsafe.ReadUnaligned<ushort>((byte*)header + 8);
        if (headerSize == VirtioNetHeader.Size)
        {
            Unsafe.WriteUnaligned(to + 8, TOrder.OrderHigh(high | PlainHeaderHigh));
        }
        else
        {
            Unsafe.WriteUnaligned(to + 8, (ushort)TOrder.OrderHigh(high));
        }

        to += headerSize;
        target->Written = headerSize + total;
        if (source->SegmentCount == 1)
        {
            MemoryCopy.Copy(to, (byte*)source->Address, total);
            return true;
        }

        _extraCost += source->SegmentCount * TurnBudget.DescriptorCost;
        for (int i = 0; i < source->SegmentCount && total > 0; i++)
        {
            GuestSegment segment = burst.Chains.Segment(source->SegmentStart + i);
            uint piece = Math.Min(segment.Length, total);
            MemoryCopy.Copy(to, (byte*)segment.Address, piece);
            to += piece;
            total -= piece;
        }

        return true;
    }

    /// <summary>Any frame into any number of chains from <paramref name="at"/> on.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Placement PlaceOther<TOrder>(Virtqueue queue, FrameBurst burst, int index, ref int at, int chains, ref long bytes)
        where TOrder : struct, IHeaderOrder
    {
        ref Chain source = ref burst[index];
        if (source.IsMalformed)
        {
            return Placement.Skipped;
        }

        if (MustFinish(burst.Headers + index) && !VirtioNetHeaderCheck.IsChecksumValid(burst.Headers[index], source.TotalLength))
        {
            _buffers.Counters.Drop(DropReason.BadHeader);
            return Placement.Skipped;
        }

        uint needed = source.TotalLength + _headerSize;
        int last;
        while (true)
        {
            last = _buffers.FindCapacity(at, chains, needed, out bool malformed);
            if (!malformed)
            {
                break;
            }

            // The chains up to the malformed one go back unused, so that buffers of one frame stay together.
            _extraCost += TurnBudget.MalformedCost;
            _buffers.RefuseShort(queue, last);
            at = last + 1;
            if (at == chains)
            {
                return Placement.NeedsBuffers;
            }
        }

        if (last < 0)
        {
            if (_buffers.Format.IsMergeable)
            {
                return Placement.NeedsBuffers;
            }

            _buffers.Counters.Drop(DropReason.TooLong);
            return Placement.Skipped;
        }

        bool finish = MustFinish(burst.Headers + index);
        _extraCost += CostOfPieces(source.SegmentCount, at, last) + (finish ? source.TotalLength / TurnBudget.BytesPerUnit : 0);
        VirtioNetHeader header = finish ? default : _buffers.HeaderForGuest(burst.Headers[index]);
        header.NumBuffers = (ushort)(last - at + 1);
        header = TOrder.IsNative ? header : SwappedHeader.Turn(header);
        var target = new SegmentCursor(_chains, at, last);
        target.Write((byte*)&header, _headerSize);
        if (finish)
        {
            CopyFinished(burst, index, burst.Headers + index, ref target);
        }
        else
        {
            var from = new SegmentCursor(burst.Chains, index, index);
            target.CopyFrom(ref from, source.TotalLength);
        }

        _buffers.SetWritten(at, last, needed);
        bytes += source.TotalLength;
        at = last + 1;
        return Placement.Placed;
    }

    /// <summary>What the ends of pieces cost in a copy from so many into a few chains.</summary>
    private int CostOfPieces(int pieces, int first, int last)
    {
        for (int i = first; i <= last; i++)
        {
            pieces += _chains[i].SegmentCount;
        }

        return pieces * TurnBudget.DescriptorCost;
    }
}
