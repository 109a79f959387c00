using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Turns a peeked burst of a transmit queue into frames: reads each virtio_net_hdr once, checks it, and trims it off the chain (virtio 1.3 section 5.1.6.2).
/// </summary>
internal static unsafe class TxParser
{
    /// <summary>Shortest Ethernet frame that is carried: two addresses and a type.</summary>
    public const int EthernetHeaderSize = 14;

    /// <summary>Longest frame: 64 KiB of payload and every header that can stand before it.</summary>
    public const int FrameSizeMax = 65535 + 256;

    /// <summary>
    /// Parses the first <paramref name="count"/> chains of the burst in place. A frame that is refused has no segments any more, and
    /// <see cref="FrameBurst.RefusalOf"/> says why; it is the caller's to count, because a frame that its receiver has no room for yet is parsed again.
    /// </summary>
    /// <typeparam name="TOrder">The byte order of the guest's headers; the burst's own are always in ours.</typeparam>
    /// <returns>Bytes of all good frames.</returns>
    // SAFETY: a chain's segments were checked when the burst was filled; the header is read by value from within the first of them.
    public static long Parse<TOrder>(FrameBurst burst, int count, int headerSize, out int refused)
        where TOrder : struct, IHeaderOrder
    {
        refused = 0;
        long bytes = 0;
        uint unfinished = 0;
        Chain* chains = burst.Chains.Chains;
        VirtioNetHeader* headers = burst.Headers;
        uint least = (uint)(headerSize + EthernetHeaderSize);
        for (int i = 0; i < count; i++)
        {
            Chain* chain = chains + i;
            if (chain->SegmentCount == 1 && chain->Length - least <= FrameSizeMax - EthernetHeaderSize)
            {
                unfinished |= TakeHeader((byte*)chain->Address, headers + i);
                chain->Address += headerSize;
                chain->Length -= (uint)headerSize;
                chain->TotalLength = chain->Length;
                bytes += chain->Length;
            }
            else if (chain->SegmentCount == 2 && chain->Length == (uint)headerSize && chain->TotalLength - least <= FrameSizeMax - EthernetHeaderSize)
            {
                // The header in a buffer of its own: what remains is a frame in one piece.
                unfinished |= TakeHeader((byte*)chain->Address, headers + i);
                GuestSegment frame = burst.Chains.Segments[chain->SegmentStart + 1];
                chain->Address = frame.Address;
                chain->Length = frame.Length;
                chain->TotalLength = frame.Length;
                chain->SegmentCount = 1;
                bytes += frame.Length;
            }
            else
            {
                bytes += ParseOther(burst, i, headerSize, ref refused);
                unfinished |= headers[i].Flags | ((uint)headers[i].GsoType << 8);
            }
        }

        burst.Count = count;
        burst.BytesAtMost = bytes;
        burst.Unfinished = Offloads.None;
        if (!TOrder.IsNative)
        {
            TurnHeaders(burst);
        }

        return unfinished == 0 ? bytes : bytes - CheckHeaders(burst, ref refused);
    }

    /// <summary>Reads a header by value, as if it were one of ten bytes, and with num_buffers = 1.</summary>
    /// <returns>Its flags and its gso_type: what a frame that needs no more work has at zero.</returns>
    // SAFETY: the caller has checked that ten bytes lie in one segment there. Words, not fields: a wide load that follows narrow stores to the same place waits
    // for them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort TakeHeader(byte* from, VirtioNetHeader* header)
    {
        ulong low = Unsafe.ReadUnaligned<ulong>(from);
        ushort high = Unsafe.ReadUnaligned<ushort>(from + 8);
        Unsafe.WriteUnaligned(header, low);
        Unsafe.WriteUnaligned((byte*)header + 8, high | (1u << 16));
        return (ushort)low;
    }

    /// <summary>Brings the headers of a guest of the other byte order into ours: all of them, so that not even a hint goes on the wrong way round.</summary>
    // SAFETY: Count is at most FramesMax. num_buffers was set here.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TurnHeaders(FrameBurst burst)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            if (!burst[i].IsMalformed)
            {
                burst.Headers[i] = SwappedHeader.Turn(burst.Headers[i]) with { NumBuffers = 1 };
            }
        }
    }

    /// <summary>A chain of several segments, or a malformed one.</summary>
    // SAFETY: as above; the cursor stays within the chain's segments.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long ParseOther(FrameBurst burst, int index, int headerSize, ref int refused)
    {
        ref Chain chain = ref burst[index];
        burst.Headers[index] = new VirtioNetHeader { NumBuffers = 1 };
        if (chain.IsMalformed)
        {
            Refuse(burst, index, DropReason.MalformedChain, ref refused);
            return 0;
        }

        if (chain.TotalLength < headerSize + EthernetHeaderSize || chain.TotalLength > headerSize + FrameSizeMax)
        {
            Refuse(burst, index, chain.TotalLength > FrameSizeMax ? DropReason.TooLong : DropReason.TooShort, ref refused);
            return 0;
        }

        VirtioNetHeader* header = burst.Headers + index;
        if (chain.Length >= headerSize)
        {
            _ = TakeHeader((byte*)chain.Address, header);
        }
        else
        {
            var cursor = new SegmentCursor(burst.Chains, index, index);
            _ = cursor.Read((byte*)header, (uint)headerSize);
            header->NumBuffers = 1;
        }

        burst.Chains.TrimStart(index, (uint)headerSize);
        return chain.TotalLength;
    }

    /// <summary>Drops frames whose header contradicts them and notes what the others leave to the receiver. Returns the bytes of what was dropped.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long CheckHeaders(FrameBurst burst, ref int refused)
    {
        long dropped = 0;
        burst.Budget.TakeCopies(burst.Count, 0);
        burst.Budget.TakeDescriptors(burst.Chains.SegmentsUsed);
        for (int i = 0; i < burst.Count; i++)
        {
            VirtioNetHeader* header = burst.Headers + i;
            ref Chain chain = ref burst[i];
            if (chain.IsMalformed)
            {
                continue;
            }

            if (!VirtioNetHeaderCheck.TryNormalise(ref *header, burst, i, out Offloads needs))
            {
                dropped += chain.TotalLength;
                Refuse(burst, i, DropReason.BadHeader, ref refused);
                continue;
            }

            burst.Unfinished |= needs;
        }

        return dropped;
    }

    private static void Refuse(FrameBurst burst, int index, DropReason reason, ref int refused)
    {
        burst.Refuse(index, reason);
        refused++;
    }
}
