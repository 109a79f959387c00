using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Copies a burst of frames into the guest's buffers. Each frame goes one of four ways: plain (one piece, nothing to tell, one buffer), gathered (any pieces
/// and header, one buffer), gathered with its checksum finished on the way, or placed (any number of buffers). Under the ring's lock.
/// </summary>
// SAFETY: every address comes from a segment that was checked against guest memory or belongs to a port's own buffers, and is used within one hold of the
// ring's lock; each copy is bounded by the lengths that were read, once, into the two chains.
internal sealed unsafe partial class RxFiller
{
    /// <summary>virtio_net_hdr of a complete frame in one buffer: all zero but num_buffers = 1 in its last two bytes.</summary>
    private const uint PlainHeaderHigh = 1u << 16;

    /// <summary>
    /// Frames are shown to the guest in up to this many pieces, none smaller than <see cref="PieceMin"/>: with few frames in flight it works on the first while
    /// the last are copied (32 of them circulate twice as fast), and a long burst costs it hardly more cache lines than in one piece.
    /// </summary>
    private const int PiecesMax = 4;

    private const int PieceMin = 8;

    /// <summary>
    /// What a guest's ring may cost a sender that can't wait beyond its share, for each delivery: one walk over the worst chains. A ring that costs more loses
    /// the rest of its frames, so that the sender's other receivers keep theirs.
    /// </summary>
    private const int WasteMax = TurnBudget.Turn / 16;

    /// <summary>An honest ring's share for each frame, besides <see cref="FairBytesPerUnit"/>: a few descriptors and a copy.</summary>
    private const int FairFrameCost = 512;

    /// <summary>An honest ring's share for the bytes: summed and copied, into buffers of a page or less.</summary>
    private const int FairBytesPerUnit = TurnBudget.BytesPerUnit / 4;

    private readonly RxBuffers _buffers;
    private readonly ChainBurst _chains;

    // Copies of the format's: what the loop reads for each frame.
    private uint _headerSize = VirtioNetHeader.Size;
    private bool _swapsHeaders;
    private bool _finishesChecksums;
    private byte _guestFlags;

    // What the frames being filled cost beyond a copy for each and their bytes, in units of TurnBudget.
    private long _extraCost;

    /// <summary>Creates the filler.</summary>
    /// <param name="buffers">Where the guest's buffers are peeked to.</param>
    public RxFiller(RxBuffers buffers)
    {
        _buffers = buffers;
        _chains = buffers.Chains;
    }

    /// <summary>What a frame that can't be placed now comes to.</summary>
    private enum Placement
    {
        Placed,
        Skipped,
        NeedsBuffers,
    }

    /// <summary>The last fill ended because the ring cost more than its share.</summary>
    public bool IsWasteful { get; private set; }

    /// <summary>A ring begins, with the format that the buffers have now.</summary>
    public void Begin()
    {
        RxFormat format = _buffers.Format;
        _headerSize = (uint)format.HeaderSize;
        _swapsHeaders = format.SwapsHeaders;
        _finishesChecksums = format.FinishesChecksums;
        _guestFlags = format.GuestFlags;
    }

    /// <summary>Places as many frames as the guest has buffers for; the lock is held. Returns the number of frames done with.</summary>
    public int Fill(Virtqueue queue, FrameBurst burst, ReadOnlySpan<ushort> frames, bool canWait)
    {
        int done = 0;
        long spentBefore = burst.Budget.Spent;
        long bytesBefore = _buffers.Counters.Bytes;
        IsWasteful = false;
        int piece = Math.Max(PieceMin, frames.Length / PiecesMax);
        int wanted = Math.Min(frames.Length, piece);
        while (done < frames.Length && !burst.Budget.IsSpent)
        {
            if (!canWait && burst.Budget.Spent - spentBefore > WasteMax + (done * FairFrameCost) + ((_buffers.Counters.Bytes - bytesBefore) / FairBytesPerUnit))
            {
                IsWasteful = true;
                break;
            }

            int chains = queue.Peek(_chains, Math.Min(wanted, ChainBurst.ChainsMax), ChainDirection.Writable, ref burst.Budget);
            if (chains == 0)
            {
                _buffers.Insufficient = 0;
                break;
            }

            int used = 0;
            int before = done;
            bool starved = _swapsHeaders
                ? FillPeeked<SwappedHeader>(queue, burst, frames, ref done, chains, ref used)
                : FillPeeked<NativeHeader>(queue, burst, frames, ref done, chains, ref used);
            _buffers.Publish(queue, used);
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
                    _buffers.Insufficient = chains;
                    break;
                }

                if (chains == ChainBurst.ChainsMax || chains >= queue.Size || limited)
                {
                    // All that the guest can ever offer for one frame is not enough.
                    _buffers.Counters.Drop(DropReason.TooLong);
                    done++;
                }
            }

            wanted = ChainBurst.ChainsMax;
        }

        return done;
    }

    /// <summary>Places frames into peeked chains until either runs out; true when a frame needs more chains than were left.</summary>
    private bool FillPeeked<TOrder>(Virtqueue queue, FrameBurst burst, ReadOnlySpan<ushort> frames, ref int done, int chains, ref int used)
        where TOrder : struct, IHeaderOrder
    {
        Chain* sources = burst.Chains.Chains;
        Chain* targets = _chains.Chains;
        VirtioNetHeader* headers = burst.Headers;
        uint headerSize = _headerSize;
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

            if (modern && IsPlain(source, target, headers + index, length))
            {
                CopyPlain(source, target, length);
            }
            else if (!TryPlaceInOne<TOrder>(burst, source, headers + index, target))
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
        _buffers.Counters.Frames += count;
        _buffers.Counters.Bytes += bytes;
        return starved;
    }

    /// <summary>Asks for the lines of the next frame, or of its last and usually largest piece, and of the buffer that it probably goes to.</summary>
    private static void PrefetchNext(FrameBurst burst, Chain* source, Chain* target)
    {
        GuestSegment piece = source->SegmentCount > 1
            ? burst.Chains.Segment(source->SegmentStart + source->SegmentCount - 1)
            : new GuestSegment(source->Address, source->Length);
        MemoryCopy.PrefetchLong((byte*)target->Address, (byte*)piece.Address, Math.Min(piece.Length, target->Length));
    }
}
