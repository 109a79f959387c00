using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <content>Lets the kernel write frames into the guest's buffers.</content>
// SAFETY: the segment list holds checked guest memory and one header buffer of our own; the reader is bounded by their lengths, and all of it happens within one
// hold of the ring's lock.
public sealed unsafe partial class RxQueue
{
    private const int DirectSegmentsMax = ChainBurst.ChainSegmentsMax;

    /// <summary>Chains peeked at once: enough for the largest frame in the smallest usual buffers.</summary>
    private const int DirectPeek = 64;

    private GuestSegment* _iovecs;
    private VirtioNetHeader* _header;

    // Bytes of a frame that the segments built last hold, without the overflow.
    private uint _offered;

    /// <summary>Reads frames from the operating system into the guest's buffers until the source is empty, the guest is full or the budget is used up.</summary>
    /// <typeparam name="TReader">The source.</typeparam>
    /// <param name="reader">The source.</param>
    /// <param name="budget">Most frames to be read in this call.</param>
    /// <param name="waiter">Scheduled when the guest has buffers again, after <see cref="ReceiveResult.Blocked"/>.</param>
    /// <param name="frames">Frames that the guest got.</param>
    public ReceiveResult ReceiveDirect<TReader>(ref TReader reader, int budget, BottomHalf waiter, out int frames)
        where TReader : struct, IFrameReader
    {
        ArgumentNullException.ThrowIfNull(waiter);
        frames = 0;
        if (!TryLockUp(out LockedRing ring))
        {
            return ReceiveResult.NotRunning;
        }

        try
        {
            return ReceiveLocked(ring.Queue, ref reader, budget, waiter, ref frames);
        }
        finally
        {
            ring.Dispose();
        }
    }

    private ReceiveResult ReceiveLocked<TReader>(Virtqueue queue, ref TReader reader, int budget, BottomHalf waiter, ref int frames)
        where TReader : struct, IFrameReader
    {
        EnsureScratch();
        ReceiveResult result;
        TurnBudget turn = TurnBudget.Full;
        do
        {
            result = turn.IsSpent ? ReceiveResult.Budget : ReceivePeeked(queue, ref reader, budget, ref frames, ref turn);
        }
        while (result == ReceiveResult.Blocked && !IsBlocked(queue, waiter));

        Spent = turn.Spent;

        queue.NotifyGuest();
        return result;
    }

    private bool IsBlocked(Virtqueue queue, BottomHalf waiter)
    {
        if (queue.IsBroken || !TryAddWaiter(waiter) || WillBeWoken(queue))
        {
            return true;
        }

        RemoveWaiter(waiter);
        return false;
    }

    /// <summary>What the last turn that read into the guest's buffers took from its budget. Under the ring's lock.</summary>
    internal long Spent { get; private set; }

    private ReceiveResult ReceivePeeked<TReader>(Virtqueue queue, ref TReader reader, int budget, ref int frames, ref TurnBudget turn)
        where TReader : struct, IFrameReader
    {
        uint needed = (uint)(reader.FrameSizeMax + _headerSize);
        int wanted = _mergeable ? DirectPeek : Math.Min(DirectPeek, budget);
        while (frames < budget && !turn.IsSpent)
        {
            int chains = queue.Peek(_chains, wanted, ChainDirection.Writable, ref turn);
            if (chains == 0)
            {
                // Each look that finds nothing costs something, whatever the guest does with its index.
                turn.Take(TurnBudget.MalformedCost);
            }

            int used = 0;
            _insufficient = 0;
            ReceiveResult? result = chains == 0 ? ReceiveResult.Blocked : null;
            while (result is null && used < chains && frames < budget && !turn.IsSpent)
            {
                int segments = Offer(queue, ref used, chains, needed, out int last);
                if (segments == 0)
                {
                    break;
                }

                _iovecs[segments] = reader.Overflow(_offered);
                int read = reader.Read((nint)_iovecs, segments + 1);
                turn.TakeDescriptors(segments);
                turn.TakeCalls(1, Math.Max(0, read));
                result = read > VirtioNetHeader.Size ? null : read < 0 ? ReceiveResult.SourceFailed : ReceiveResult.SourceEmpty;
                if (result is not null)
                {
                    continue;
                }

                uint length = (uint)read - VirtioNetHeader.Size;
                if (IsForGuest(length))
                {
                    used = Accept(used, last, length);
                    frames++;
                    continue;
                }

                // The guest's buffers stay its own, unused; what lies in them now is copied out before the lock is given back.
                reader.SetAside(*_header, (nint)(_iovecs + 1), segments - 1, length);
                turn.TakeCopies(1, Math.Min(length, _offered));
                result = ReceiveResult.SetAside;
            }

            Publish(queue, used);
            if (result is { } final)
            {
                return final;
            }

            if (used == 0 && !turn.IsSpent)
            {
                if (wanted == ChainBurst.ChainsMax || queue.LastPeekEnd != PeekEnd.Wanted)
                {
                    _insufficient = chains;
                    return ReceiveResult.Blocked;
                }

                wanted = ChainBurst.ChainsMax;
            }
        }

        return ReceiveResult.Budget;
    }

    /// <summary>Builds the segment list for one frame from chain <paramref name="used"/> on; 0 when the chains left don't suffice.</summary>
    private int Offer(Virtqueue queue, ref int used, int chains, uint needed, out int last)
    {
        while (true)
        {
            last = FindCapacity(used, chains, needed, out bool malformed);
            if (!malformed)
            {
                break;
            }

            RefuseShort(queue, last);
            used = last + 1;
            if (used >= chains)
            {
                return 0;
            }
        }

        if (last < 0)
        {
            // A guest that will never offer more gets what fits; the rest of a longer frame overflows, and the copying way decides about it.
            bool allThereIs = !_mergeable
                || (used == 0 && (chains == queue.Size || chains == ChainBurst.ChainsMax || queue.LastPeekEnd == PeekEnd.BurstFull));
            if (!allThereIs)
            {
                return 0;
            }

            last = _mergeable ? chains - 1 : used;
        }

        return BuildSegments(used, last);
    }

    private int BuildSegments(int first, int last)
    {
        _iovecs[0] = new GuestSegment((nint)_header, VirtioNetHeader.Size);
        int count = 1;
        uint skip = (uint)_headerSize;
        uint offered = 0;
        for (int i = first; i <= last; i++)
        {
            Chain* chain = _chains.Chains + i;

            // The last place is the overflow's.
            for (int j = 0; j < chain->SegmentCount && count < DirectSegmentsMax - 1; j++)
            {
                GuestSegment segment = _chains.SegmentOf(in *chain, j);
                uint cut = Math.Min(skip, segment.Length);
                skip -= cut;
                if (segment.Length > cut)
                {
                    _iovecs[count++] = new GuestSegment(segment.Address + (nint)cut, segment.Length - cut);
                    offered += segment.Length - cut;
                }
            }
        }

        _offered = offered;
        return count;
    }

    /// <summary>
    /// The one check of a frame that was read straight into the guest's buffers: all of it lies there, and its header leaves nothing undone that the guest did not take. What fails goes the
    /// copying way, so that both ways end alike: finished in software, or dropped and counted.
    /// </summary>
    private bool IsForGuest(uint length) => length <= _offered && (_header->IsPlain || (OffloadPolicy.Needs(*_header) & ~_takes) == Offloads.None);

    /// <summary>Finishes a frame that was read: writes its header and says which chains it took. Returns the next free chain.</summary>
    private int Accept(int first, int last, uint length)
    {
        uint total = length + (uint)_headerSize;
        int end = first;
        for (ulong capacity = _chains[end].TotalLength; capacity < total && end < last; capacity += _chains[end].TotalLength)
        {
            end++;
        }

        VirtioNetHeader header = HeaderForGuest(*_header);
        header.NumBuffers = (ushort)(end - first + 1);

        // A branch for each frame, but beside a system call for each frame.
        header = _swapsHeaders ? SwappedHeader.Turn(header) : header;
        var target = new SegmentCursor(_chains, first, first);
        target.Write((byte*)&header, (uint)_headerSize);
        SetWritten(first, end, total);
        _counters.Frames++;
        _counters.Bytes += length;
        return end + 1;
    }

    private void EnsureScratch()
    {
        if (_iovecs is null)
        {
            _iovecs = (GuestSegment*)NativeMemory.AlignedAlloc(DirectSegmentsMax * (nuint)sizeof(GuestSegment), 64);
            NativeMemory.Clear(_iovecs, DirectSegmentsMax * (nuint)sizeof(GuestSegment));
            _header = (VirtioNetHeader*)NativeMemory.AlignedAlloc(64, 64);
            NativeMemory.Clear(_header, 64);
        }
    }

    private void DisposeScratch()
    {
        NativeMemory.AlignedFree(_iovecs);
        NativeMemory.AlignedFree(_header);
        _iovecs = null;
        _header = null;
    }
}
