using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <content>
/// The fast way for segments between the first and the last whose checksum the receiver finishes: their headers are all the same but for IPv4's identification
/// and checksum and TCP's sequence number.
/// </content>
internal sealed unsafe partial class Segmenter
{
    private ulong _middleIpSum;

    /// <summary>Adds the next segments to a burst as far as they are such.</summary>
    /// <param name="output">The burst.</param>
    /// <param name="slices">Room for a segment's slices, of which the first is for its headers.</param>
    /// <param name="capacity">Their number.</param>
    /// <param name="headers">Room for the headers of <paramref name="most"/> segments.</param>
    /// <param name="slot">Bytes from one segment's headers to the next; <see cref="HeadersLength"/> rounded up to 64.</param>
    /// <param name="most">How many at most.</param>
    /// <returns>How many were added.</returns>
    // SAFETY: the caller provides the slots and slices; fields lie inside the headers, as in WriteHeaders.
    public int AddMiddle(FrameBurst output, GuestSegment* slices, int capacity, byte* headers, uint slot, int most)
    {
        int count = Next == 0 ? 0 : Math.Min(most, Count - 1 - Next);
        uint length = (uint)_layout.Payload;
        for (int i = 0; i < count; i++)
        {
            for (uint offset = 0; offset < length; offset += 64)
            {
                Unsafe.CopyBlock(headers + offset, _middle + offset, 64);
            }

            PatchMiddle(headers);
            FrameCursor before = _payload;
            var head = new GuestSegment((nint)headers, length);
            bool added;
            if (_payload.Contiguous() >= _segmentSize)
            {
                added = output.TryAddPair(_partialHeader, Offloads.Checksum, head, _payload.TakeContiguous(_segmentSize));
            }
            else
            {
                slices[0] = head;
                int taken = _payload.Take(_segmentSize, slices + 1, capacity - 1);
                added = taken >= 0 && output.TryAdd(_partialHeader, Offloads.Checksum, new ReadOnlySpan<GuestSegment>(slices, taken + 1));
            }

            if (!added)
            {
                _payload = before;
                return i;
            }

            headers += slot;
            Next++;
        }

        return count;
    }

    /// <summary>Writes what is a segment's own into a copy of the middle segments' headers.</summary>
    // SAFETY: as AddMiddle.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void PatchMiddle(byte* headers)
    {
        if (!_layout.IsIPv6)
        {
            byte* network = headers + _layout.Network;
            ushort identification = ToBigEndian((uint)(_identification + Next));
            Write16(network + TransportFields.IPv4Identification, identification);
            Write16(network + TransportFields.IPv4Checksum, InternetChecksum.Finish(_middleIpSum + identification));
        }

        if (_layout.Protocol == IPPROTO_TCP)
        {
            uint sequence = _sequence + ((uint)Next * _segmentSize);
            Unsafe.WriteUnaligned(headers + _layout.Transport + TransportFields.TcpSequence, BinaryPrimitives.ReverseEndianness(sequence));
        }
    }

    /// <summary>Makes the headers that all segments between the first and the last have in common.</summary>
    // SAFETY: both templates have room for the headers rounded up to 64.
    private void PrepareMiddle()
    {
        if (Count <= 2)
        {
            return;
        }

        Next = 2;
        WriteHeaders(_middle, null, 0, finishChecksum: false);
        Next = 0;
        _middleIpSum = InternetChecksum.Fold(_ipSum + ToBigEndian((uint)(_layout.Payload - _layout.Network) + _segmentSize));
    }
}
