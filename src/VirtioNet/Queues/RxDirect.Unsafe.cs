using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>Lets the kernel write frames into the guest's buffers. Under the ring's lock.</summary>
// SAFETY: the segment list holds checked guest memory and one header buffer of our own; the reader is bounded by their lengths, and all of it happens within
// one hold of the ring's lock.
internal sealed unsafe class RxDirect : IDisposable
{
    private const int SegmentsMax = ChainBurst.ChainSegmentsMax;

    /// <summary>Chains peeked at once: enough for the largest frame in the smallest usual buffers.</summary>
    private const int PeekUsual = 64;

    private readonly RxBuffers _buffers;
    private readonly ChainBurst _chains;
    private GuestSegment* _iovecs;
    private VirtioNetHeader* _header;

    // Bytes of a frame that the segments built last hold, without the overflow.
    private uint _offered;

    /// <summary>Creates the reader; it allocates its memory when it first reads.</summary>
    /// <param name="buffers">Where the guest's buffers are peeked to.</param>
    public RxDirect(RxBuffers buffers)
    {
        _buffers = buffers;
        _chains = buffers.Chains;
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~RxDirect() => Free();

    /// <summary>Reads frames until the source is empty, the guest's buffers don't suffice or one of the budgets is used up.</summary>
    /// <typeparam name="TReader">The source.</typeparam>
    /// <param name="queue">The ring.</param>
    /// <param name="reader">The source.</param>
    /// <param name="budget">Most frames to be read.</param>
    /// <param name="frames">Frames that the guest got, counted on.</param>
    /// <param name="turn">The turn's work.</param>
    public ReceiveResult Read<TReader>(Virtqueue queue, ref TReader reader, int budget, ref int frames, ref TurnBudget turn)
        where TReader : struct, IFrameReader
    {
        EnsureScratch();
        RxFormat format = _buffers.Format;
        uint needed = (uint)(reader.FrameSizeMax + format.HeaderSize);
        int wanted = format.IsMergeable ? PeekUsual : Math.Min(PeekUsual, budget);
        while (frames < budget && !turn.IsSpent)
        {
            int chains = queue.Peek(_chains, wanted, ChainDirection.Writable, ref turn);
            if (chains == 0)
            {
                // Each look that finds nothing costs something, whatever the guest does with its index.
                turn.Take(TurnBudget.MalformedCost);
            }

            int used = 0;
            _buffers.Insufficient = 0;
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

            _buffers.Publish(queue, used);
            if (result is { } final)
            {
                return final;
            }

            if (used == 0 && !turn.IsSpent)
            {
                if (wanted == ChainBurst.ChainsMax || queue.LastPeekEnd != PeekEnd.Wanted)
                {
                    _buffers.Insufficient = chains;
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
            last = _buffers.FindCapacity(used, chains, needed, out bool malformed);
            if (!malformed)
            {
                break;
            }

            _buffers.RefuseShort(queue, last);
            used = last + 1;
            if (used >= chains)
            {
                return 0;
            }
        }

        if (last < 0)
        {
            // A guest that will never offer more gets what fits; the rest of a longer frame overflows, and the copying way decides about it.
            bool allThereIs = !_buffers.Format.IsMergeable
                || (used == 0 && (chains == queue.Size || chains == ChainBurst.ChainsMax || queue.LastPeekEnd == PeekEnd.BurstFull));
            if (!allThereIs)
            {
                return 0;
            }

            last = _buffers.Format.IsMergeable ? chains - 1 : used;
        }

        return BuildSegments(used, last);
    }

    private int BuildSegments(int first, int last)
    {
        _iovecs[0] = new GuestSegment((nint)_header, VirtioNetHeader.Size);
        int count = 1;
        uint skip = (uint)_buffers.Format.HeaderSize;
        uint offered = 0;
        for (int i = first; i <= last; i++)
        {
            Chain* chain = _chains.Chains + i;

            // The last place is the overflow's.
            for (int j = 0; j < chain->SegmentCount && count < SegmentsMax - 1; j++)
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
    /// The one check of a frame that was read straight into the guest's buffers: all of it lies there, and its header leaves nothing undone that the guest did
    /// not take. What fails goes the copying way, so that both ways end alike: finished in software, or dropped and counted.
    /// </summary>
    private bool IsForGuest(uint length) =>
        length <= _offered && (_header->IsPlain || (OffloadPolicy.Needs(*_header) & ~_buffers.Format.Takes) == Offloads.None);

    /// <summary>Finishes a frame that was read: writes its header and says which chains it took. Returns the next free chain.</summary>
    private int Accept(int first, int last, uint length)
    {
        uint total = length + (uint)_buffers.Format.HeaderSize;
        int end = first;
        for (ulong capacity = _chains[end].TotalLength; capacity < total && end < last; capacity += _chains[end].TotalLength)
        {
            end++;
        }

        VirtioNetHeader header = _buffers.HeaderForGuest(*_header);
        header.NumBuffers = (ushort)(end - first + 1);

        // A branch for each frame, but beside a system call for each frame.
        header = _buffers.Format.SwapsHeaders ? SwappedHeader.Turn(header) : header;
        var target = new SegmentCursor(_chains, first, first);
        target.Write((byte*)&header, (uint)_buffers.Format.HeaderSize);
        _buffers.SetWritten(first, end, total);
        _buffers.Counters.Frames++;
        _buffers.Counters.Bytes += length;
        return end + 1;
    }

    private void EnsureScratch()
    {
        if (_iovecs is null)
        {
            _iovecs = (GuestSegment*)NativeMemory.AlignedAlloc(SegmentsMax * (nuint)sizeof(GuestSegment), 64);
            NativeMemory.Clear(_iovecs, SegmentsMax * (nuint)sizeof(GuestSegment));
            _header = (VirtioNetHeader*)NativeMemory.AlignedAlloc(64, 64);
            NativeMemory.Clear(_header, 64);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_iovecs);
        NativeMemory.AlignedFree(_header);
        _iovecs = null;
        _header = null;
    }
}
