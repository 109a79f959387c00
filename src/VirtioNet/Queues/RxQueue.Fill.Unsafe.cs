using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Queues;

/// <content>Copies a burst of frames into the guest's buffers.</content>
// SAFETY: every address comes from a segment that was checked against guest memory or belongs to a port's own buffers, and is used within one hold of the ring's
// lock; each copy is bounded by the lengths that were read, once, into the two chains.
public sealed unsafe partial class RxQueue
{
    /// <summary>virtio_net_hdr of a complete frame in one buffer: all zero but num_buffers = 1 in its last two bytes.</summary>
    private const uint PlainHeaderHigh = 1u << 16;

    /// <summary>The flags that a guest with VIRTIO_NET_F_GUEST_CSUM may be told; one without is told none.</summary>
    private const byte GuestFlags = VirtioNetHeader.F_NEEDS_CSUM | VirtioNetHeader.F_DATA_VALID;

    /// <summary>What a guest may be told of a header's first eight bytes beside the flags, which come first: all of it, as it came.</summary>
    private const ulong GuestHeaderMask = ~0xffUL;

    /// <summary>
    /// Frames are shown to the guest in up to this many pieces, none smaller than <see cref="PieceMin"/>: with few frames in flight it works on the first while the
    /// last are copied (32 of them circulate twice as fast), and a long burst costs it hardly more cache lines than in one piece.
    /// </summary>
    private const int PiecesMax = 4;

    private const int PieceMin = 8;

    /// <summary>
    /// What a guest's ring may cost a sender that can't wait beyond its share, for each delivery: one walk over the worst chains. A ring that costs more loses the rest of its frames, so that
    /// the sender's other receivers keep theirs.
    /// </summary>
    private const int WasteMax = TurnBudget.Turn / 16;

    /// <summary>An honest ring's share for each frame, besides <see cref="FairBytesPerUnit"/>: a few descriptors and a copy.</summary>
    private const int FairFrameCost = 512;

    /// <summary>An honest ring's share for the bytes: summed and copied, into buffers of a page or less.</summary>
    private const int FairBytesPerUnit = TurnBudget.BytesPerUnit / 4;

    // The last fill ended because the ring cost more than its share.
    private bool _wasteful;

    // What the frames being filled cost beyond a copy for each and their bytes, in units of TurnBudget.
    private long _extraCost;

    /// <summary>What a frame that can't be placed now comes to.</summary>
    private enum Placement
    {
        Placed,
        Skipped,
        NeedsBuffers,
    }

    /// <summary>Places as many frames as the guest has buffers for; the lock is held. Returns the number of frames done with.</summary>
    private int Fill(Virtqueue queue, FrameBurst burst, ReadOnlySpan<ushort> frames, bool canWait)
    {
        int done = 0;
        long spentBefore = burst.Budget.Spent;
        long bytesBefore = _counters.Bytes;
        _wasteful = false;
        int piece = Math.Max(PieceMin, frames.Length / PiecesMax);
        int wanted = Math.Min(frames.Length, piece);
        while (done < frames.Length && !burst.Budget.IsSpent)
        {
            if (!canWait && burst.Budget.Spent - spentBefore > WasteMax + (done * FairFrameCost) + ((_counters.Bytes - bytesBefore) / FairBytesPerUnit))
            {
                _wasteful = true;
                break;
            }

            int chains = queue.Peek(_chains, Math.Min(wanted, ChainBurst.ChainsMax), ChainDirection.Writable, ref burst.Budget);
            if (chains == 0)
            {
                _insufficient = 0;
                break;
            }

            int used = 0;
            int before = done;
            bool starved = _swapsHeaders
                ? FillPeeked<SwappedHeader>(queue, burst, frames, ref done, chains, ref used)
                : FillPeeked<NativeHeader>(queue, burst, frames, ref done, chains, ref used);
            Publish(queue, used);
            if (!starved)
            {
                wanted = Math.Min(frames.Length - done, piece);
                continue;
            }

            if (used == 0 && done == before)
            {
                bool limited = queue.LastPeekEnd == PeekEnd.BurstFull;
                if (chains < wanted && chains < queue.Size && !limited)
                {
                    _insufficient = chains;
                    break;
                }

                if (chains == ChainBurst.ChainsMax || chains >= queue.Size || limited)
                {
                    // All that the guest can ever offer for one frame is not enough.
                    _counters.Drop(DropReason.TooLong);
                    done++;
                }
            }

            wanted = ChainBurst.ChainsMax;
        }

        return done;
    }

    /// <summary>Shows the first chains of the last peek to the guest.</summary>
    private void Publish(Virtqueue queue, int used)
    {
        // Long frames lose by it, up to 8 % at 1518 bytes, and what the first frame is the others mostly are.
        if (_demotes && used > 0 && _chains.Chains->Written <= MemoryCopy.ShortMax)
        {
            CacheDemotion.Beginnings(_chains.Chains, used);
        }

        queue.Complete(used);
    }

    /// <summary>Places frames into peeked chains until either runs out; true when a frame needs more chains than were left.</summary>
    private bool FillPeeked<TOrder>(Virtqueue queue, FrameBurst burst, ReadOnlySpan<ushort> frames, ref int done, int chains, ref int used)
        where TOrder : struct, IHeaderOrder
    {
        Chain* sources = burst.Chains.Chains;
        Chain* targets = _chains.Chains;
        VirtioNetHeader* headers = burst.Headers;
        uint headerSize = (uint)_headerSize;
        long bytes = 0;
        int count = 0;
        bool modern = TOrder.IsNative && headerSize == VirtioNetHeader.Size;
        int at = used;
        int frame = done;
        bool starved = false;
        long bytesMax = burst.Budget.Left * TurnBudget.BytesPerUnit;
        _extraCost = 0;

        // Each frame takes one chain but those that PlaceOther places, after which it is counted anew.
        int end = Math.Min(frames.Length, frame + chains - at);
        while (frame < end && bytes < bytesMax)
        {
            int index = frames[frame];
            Chain* source = sources + index;
            Chain* target = targets + at;
            uint length = source->TotalLength;
            if (length > MemoryCopy.ShortMax && frame + 1 < end)
            {
                PrefetchNext(burst, sources + frames[frame + 1], target + 1);
            }

            if (source->SegmentCount == 1 && target->SegmentCount == 1 && modern && headers[index].IsBlank && target->Length - headerSize >= length
                && target->Length >= headerSize)
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
            else if (!(MustFinish(headers + index)
                ? TryGatherFinished<TOrder>(burst, source, headers + index, target)
                : TryGather<TOrder>(burst, source, headers + index, target)))
            {
                Placement placement = PlaceOther<TOrder>(queue, burst, index, ref at, chains, ref bytes);
                bytesMax = (burst.Budget.Left - _extraCost) * TurnBudget.BytesPerUnit;
                if (placement == Placement.NeedsBuffers)
                {
                    starved = true;
                    break;
                }

                count += placement == Placement.Placed ? 1 : 0;
                frame++;
                end = Math.Min(frames.Length, frame + chains - at);
                continue;
            }

            bytes += length;
            count++;
            at++;
            frame++;
        }

        burst.Budget.TakeCopies(frame - done, bytes);
        burst.Budget.Take(_extraCost);
        used = at;
        done = frame;
        _counters.Frames += count;
        _counters.Bytes += bytes;
        return starved;
    }

    /// <summary>
    /// A frame in any number of pieces and with any header into one buffer that holds all of it: most of what a guest with offloads sends, and all that was finished
    /// in software. False when it is none.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryGather<TOrder>(FrameBurst burst, Chain* source, VirtioNetHeader* header, Chain* target)
        where TOrder : struct, IHeaderOrder
    {
        uint headerSize = (uint)_headerSize;
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

    /// <summary>Asks for the lines of the next frame, or of its last and usually largest piece, and of the buffer that it probably goes to.</summary>
    private static void PrefetchNext(FrameBurst burst, Chain* source, Chain* target)
    {
        GuestSegment piece = source->SegmentCount > 1
            ? burst.Chains.Segment(source->SegmentStart + source->SegmentCount - 1)
            : new GuestSegment(source->Address, source->Length);
        MemoryCopy.PrefetchLong((byte*)target->Address, (byte*)piece.Address, Math.Min(piece.Length, target->Length));
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
            _counters.Drop(DropReason.BadHeader);
            return Placement.Skipped;
        }

        uint needed = source.TotalLength + (uint)_headerSize;
        int last;
        while (true)
        {
            last = FindCapacity(at, chains, needed, out bool malformed);
            if (!malformed)
            {
                break;
            }

            // The chains up to the malformed one go back unused, so that buffers of one frame stay together.
            RefuseShort(queue, last);
            at = last + 1;
            if (at == chains)
            {
                return Placement.NeedsBuffers;
            }
        }

        if (last < 0)
        {
            if (_mergeable)
            {
                return Placement.NeedsBuffers;
            }

            _counters.Drop(DropReason.TooLong);
            return Placement.Skipped;
        }

        bool finish = MustFinish(burst.Headers + index);
        _extraCost += CostOfPieces(source.SegmentCount, at, last) + (finish ? source.TotalLength / TurnBudget.BytesPerUnit : 0);
        VirtioNetHeader header = finish ? default : HeaderForGuest(burst.Headers[index]);
        header.NumBuffers = (ushort)(last - at + 1);
        header = TOrder.IsNative ? header : SwappedHeader.Turn(header);
        var target = new SegmentCursor(_chains, at, last);
        target.Write((byte*)&header, (uint)_headerSize);
        if (finish)
        {
            CopyFinished(burst, index, burst.Headers + index, ref target);
        }
        else
        {
            var from = new SegmentCursor(burst.Chains, index, index);
            target.CopyFrom(ref from, source.TotalLength);
        }

        SetWritten(at, last, needed);
        bytes += source.TotalLength;
        at = last + 1;
        return Placement.Placed;
    }

    /// <summary>Finds the last chain that is needed for a number of bytes, or -1; stops at a malformed chain and returns its index.</summary>
    private int FindCapacity(int first, int chains, uint needed, out bool malformed)
    {
        ulong capacity = 0;
        malformed = false;
        for (int i = first; i < chains; i++)
        {
            Chain* chain = _chains.Chains + i;
            if (chain->IsMalformed || (i == first && chain->TotalLength < _headerSize))
            {
                malformed = true;
                return i;
            }

            capacity += chain->TotalLength;
            if (capacity >= needed)
            {
                return i;
            }

            if (!_mergeable)
            {
                return -1;
            }
        }

        return -1;
    }

    /// <summary>Counts a receive chain that is well formed and has no room for a header, among the malformed ones.</summary>
    private void RefuseShort(Virtqueue queue, int position)
    {
        _extraCost += TurnBudget.MalformedCost;
        if (!_chains[position].IsMalformed)
        {
            queue.RefuseChain(position);
        }
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

    private void SetWritten(int first, int last, uint total)
    {
        for (int i = first; i <= last; i++)
        {
            Chain* chain = _chains.Chains + i;
            chain->Written = Math.Min(chain->TotalLength, total);
            total -= chain->Written;
        }
    }

    /// <summary>A guest sees only what it may be told: segmentation and checksum fields as they came, without flags that it did not ask for.</summary>
    private VirtioNetHeader HeaderForGuest(in VirtioNetHeader header) => header with { Flags = (byte)(header.Flags & _guestFlags), NumBuffers = 0 };
}
