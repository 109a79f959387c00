using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Queues;

/// <content>Finishes partial checksums while frames are copied, for a guest that does not take them (VIRTIO_NET_F_GUEST_CSUM, virtio 1.3 section
/// 5.1.6.4).</content>
// SAFETY: checked segments, within one hold of the ring's lock, each access bounded by lengths that were read once. The checksum's place
// comes from a header that was read by value, and is checked against the frame's length before use.
internal sealed unsafe partial class RxFiller
{
    /// <summary>Ethernet, IP and TCP with all their options.</summary>
    private const int HeadersUsual = 128;

    /// <summary>True when the frame's checksum is to be finished here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool MustFinish(VirtioNetHeader* header) =>
        _finishesChecksums && (header->Flags & VirtioNetHeader.F_NEEDS_CSUM) != 0 && header->GsoType == VirtioNetHeader.GSO_NONE;

    /// <summary>
    /// A frame whose checksum is partial into one buffer; false, and nothing is written, when it does not hold all of it or the header contradicts the frame.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryGatherFinished<TOrder>(FrameBurst burst, Chain* source, VirtioNetHeader* header, Chain* target)
        where TOrder : struct, IHeaderOrder
    {
        uint headerSize = _headerSize;
        uint total = source->TotalLength;
        if (source->SegmentCount == 0 || target->SegmentCount != 1 || target->Length < headerSize || target->Length - headerSize < total
            || !VirtioNetHeaderCheck.IsChecksumValid(*header, total))
        {
            return false;
        }

        _extraCost += (source->SegmentCount * TurnBudget.DescriptorCost) + (total / TurnBudget.BytesPerUnit);
        byte* frame = (byte*)target->Address;
        WritePlainHeader<TOrder>(frame, headerSize);
        target->Written = headerSize + total;
        frame += headerSize;
        uint start = header->CsumStart;
        ulong sum = 0;
        uint at = 0;
        bool single = source->SegmentCount == 1;
        for (int i = 0; i < source->SegmentCount && at < total; i++)
        {
            GuestSegment segment = single ? new GuestSegment(source->Address, source->Length) : burst.Chains.Segments[source->SegmentStart + i];
            uint piece = Math.Min(segment.Length, total - at);
            byte* from = (byte*)segment.Address;
            uint uncovered = at < start ? Math.Min(start - at, piece) : 0;
            if (piece <= HeadersUsual && at == 0)
            {
                // Headers in a piece of their own are short: one copy and one sum take less time than a copy with sum that begins in the middle.
                MemoryCopy.Copy(frame, from, piece);
                sum = InternetChecksum.Sum(from + uncovered, piece - uncovered);
            }
            else
            {
                if (uncovered > 0)
                {
                    MemoryCopy.Copy(frame + at, from, uncovered);
                }

                sum = ChecksumCopy.Append(sum, at + uncovered - start, frame + at + uncovered, from + uncovered, piece - uncovered);
            }

            at += piece;
        }

        Unsafe.WriteUnaligned(frame + header->CsumStart + header->CsumOffset, InternetChecksum.FinishTransport(sum));
        return true;
    }

    /// <summary>A frame whose checksum is partial into several buffers: the sum is taken first, as the checksum stands in front of what it covers.</summary>
    private static void CopyFinished(FrameBurst burst, int index, VirtioNetHeader* header, ref SegmentCursor target)
    {
        uint length = burst[index].TotalLength;
        uint field = (uint)header->CsumStart + header->CsumOffset;
        var from = new SegmentCursor(burst.Chains, index, index);
        from.Skip(header->CsumStart);
        ushort checksum = InternetChecksum.FinishTransport(from.Sum(length - header->CsumStart));
        from = new SegmentCursor(burst.Chains, index, index);
        target.CopyFrom(ref from, field);
        target.Write((byte*)&checksum, sizeof(ushort));
        from.Skip(sizeof(ushort));
        target.CopyFrom(ref from, length - field - sizeof(ushort));
    }

    /// <summary>The header of a complete frame in one buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WritePlainHeader<TOrder>(byte* to, uint headerSize)
        where TOrder : struct, IHeaderOrder
    {
        Unsafe.WriteUnaligned(to, 0UL);
        if (headerSize == VirtioNetHeader.Size)
        {
            Unsafe.WriteUnaligned(to + 8, TOrder.OrderHigh(PlainHeaderHigh));
        }
        else
        {
            Unsafe.WriteUnaligned(to + 8, (ushort)0);
        }
    }
}
