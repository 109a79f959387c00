using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues.Packed;

/// <content>Chains of several descriptors, indirect tables, and what else the common path leaves out.</content>
// SAFETY: as in the other part; an indirect table is translated for each 16-byte entry that is read, unless the whole of it lies in one window.
internal sealed unsafe partial class PackedVirtqueue
{
    /// <summary>Handles one chain that is not a single good buffer.</summary>
    /// <returns>The ring slots that it occupies; 0 when the burst has to end before it.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int GatherOrStop(ChainBurst burst, int position, PackedDescriptor first, int slot, bool write)
    {
        int start = burst.SegmentsUsed;
        if (position > 0 && Math.Max(start, _walked + _mapper.Pieces) > ChainBurst.SegmentsMax - ChainBurst.ChainSegmentsMax)
        {
            _walked++;
            LastPeekEnd = PeekEnd.BurstFull;
            return 0;
        }

        _mapper.BeginChain(_direction == ChainDirection.Mixed);
        ChainStatus status = Gather(burst, first, slot, write, out uint total, out int slots, out ushort id);
        if (slots == 0 || id >= _size)
        {
            _walked++;

            // Where the chain ends, or which buffer it is, is unknown: nothing behind it can be trusted. What stands before it is good and still returned.
            burst.SegmentsUsed = start;
            Break(slots == 0 ? ChainStatus.TooLong : ChainStatus.IndexOutOfRange);
            return 0;
        }

        if (status == ChainStatus.BadAddress && IotlbMissed is { } missed && missed(_mapper.MissedAddress, _mapper.MissedWrite))
        {
            _walked++;
            burst.SegmentsUsed = start;
            LastPeekEnd = PeekEnd.IotlbMiss;
            return 0;
        }

        _pending[position].Id = id;
        ref Chain chain = ref burst[position];
        if (status != ChainStatus.Ok)
        {
            burst.SegmentsUsed = start;
            LastError = IsBroken ? LastError : status;
            chain = default;
            if (!NoteMalformed(position))
            {
                _walked++;
                return 0;
            }

            return slots;
        }

        chain.SegmentStart = start;
        chain.SegmentCount = burst.SegmentsUsed - start;
        chain.TotalLength = total;
        chain.Written = 0;
        chain.ReadableCount = _mapper.ReadableOf(chain.SegmentCount);
        GuestSegment head = burst.Segment(start);
        chain.Address = head.Address;
        chain.Length = head.Length;
        Prefetch.Read(head.Address);
        return slots;
    }

    private ChainStatus Gather(ChainBurst burst, PackedDescriptor descriptor, int slot, bool write, out uint total, out int slots, out ushort id)
    {
        total = 0;
        id = descriptor.id;
        int start = burst.SegmentsUsed;
        ChainStatus status = ChainStatus.Ok;
        for (slots = 1; ; slots++)
        {
            // The walk goes on behind an error: only the chain's last descriptor tells its buffer id (2.8.6).
            if (status == ChainStatus.Ok)
            {
                status = (descriptor.flags & SplitDescriptor.F_INDIRECT) != 0
                    ? AppendTable(burst, start, descriptor, write, slots > 1, ref total)
                    : _mapper.AppendBuffer(burst, start, descriptor.addr, descriptor.len, descriptor.flags, write, ref total);
            }

            id = descriptor.id;
            if ((descriptor.flags & SplitDescriptor.F_NEXT) == 0)
            {
                return status == ChainStatus.Ok && burst.SegmentsUsed == start ? ChainStatus.Empty : status;
            }

            if (_peekedSlots + slots >= _size || slots >= ChainBurst.ChainDescriptorsMax)
            {
                slots = 0;
                return ChainStatus.TooLong;
            }

            slot = slot + 1 == _size ? 0 : slot + 1;
            _walked++;
            WorkWitness.Descriptor();
            descriptor = Unsafe.ReadUnaligned<PackedDescriptor>(_ring + slot);
        }
    }

    /// <summary>Appends an indirect table: its entries follow each other, NEXT and ids are ignored in it (2.8.8).</summary>
    private ChainStatus AppendTable(ChainBurst burst, int start, PackedDescriptor descriptor, bool write, bool inChain, ref uint total)
    {
        ChainStatus status = IndirectTable.Open(ref _mapper, _indirect, inChain, descriptor.addr, descriptor.len, descriptor.flags, out IndirectTable table);
        for (int i = 0; i < table.Count && status == ChainStatus.Ok; i++)
        {
            _walked++;
            if (!table.TryFind(ref _mapper, i, out nint host))
            {
                return ChainStatus.BadAddress;
            }

            WorkWitness.Descriptor();
            PackedDescriptor entry = Unsafe.ReadUnaligned<PackedDescriptor>((void*)host);

            // DPDK's driver leaves WRITE set on the entry of a transmitted frame's header. It is only read here, which a writable buffer allows as well.
            ushort flags = _direction != ChainDirection.Readable ? entry.flags : (ushort)(entry.flags & ~SplitDescriptor.F_WRITE);
            status = (flags & SplitDescriptor.F_INDIRECT) != 0
                ? ChainStatus.NestedIndirect
                : _mapper.AppendBuffer(burst, start, entry.addr, entry.len, flags, write, ref total);
        }

        return status;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackBeforePublish(int count)
    {
        WriteLogger.MarkChains(Layout, _burst!, count, _direction == ChainDirection.Mixed);
        if (Layout.Inflight is { } inflight)
        {
            _chains.TrackBefore(inflight, count, _used.Advance(_chains.Slots(count), _size).Encoded);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackAfterPublish(PackedPosition at, int count)
    {
        if (Layout.Log is { } log)
        {
            // A mark follows its write: the front end may take a mark and copy the page at any moment.
            for (int i = 0; i < count; i++)
            {
                WriteLogger.MarkRing(Layout, Layout.Descriptors + (at.Slot * PackedDescriptor.Size), PackedDescriptor.Size);
                at = at.Advance((int)_pending[i].Slots, _size);
            }

            log.Flush();
        }

        if (Layout.Inflight is { } inflight)
        {
            _chains.TrackAfter(inflight, count, _used.Encoded);
        }
    }
}
