using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues.Split;

/// <content>Chains of several descriptors, indirect tables, and what else the common path leaves out.</content>
// SAFETY: as in the other part; an indirect table is translated for each 16-byte entry that is read, unless the whole of it lies in one window.
internal sealed unsafe partial class SplitVirtqueue<TOrder>
{
    /// <summary>Handles one chain that is not a single good buffer; false when the burst has to end before it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool GatherOrStop(ChainBurst burst, int position, SplitDescriptor first, bool write)
    {
        ref Chain chain = ref burst[position];
        int start = burst.SegmentsUsed;
        if (position > 0 && Math.Max(start, _walked + _mapper.Pieces) > ChainBurst.SegmentsMax - ChainBurst.ChainSegmentsMax)
        {
            LastPeekEnd = PeekEnd.BurstFull;
            return false;
        }

        _mapper.BeginChain(_mixed);
        ChainStatus status = Gather(burst, first, write, out uint total);
        if (status == ChainStatus.BadAddress && IotlbMissed is { } missed && missed(_mapper.MissedAddress, _mapper.MissedWrite))
        {
            burst.SegmentsUsed = start;
            LastPeekEnd = PeekEnd.IotlbMiss;
            return false;
        }

        if (status != ChainStatus.Ok)
        {
            burst.SegmentsUsed = start;
            LastError = IsBroken ? LastError : status;
            chain = default;
            return NoteMalformed(position);
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
        return true;
    }

    private ChainStatus Gather(ChainBurst burst, SplitDescriptor descriptor, bool write, out uint total)
    {
        total = 0;
        int start = burst.SegmentsUsed;
        IndirectTable table = default;
        int count = Size;
        int most = Math.Min(Size, ChainBurst.ChainSegmentsMax);
        int left = most;
        ChainStatus status;
        for (; ; left--)
        {
            ushort flags = TOrder.Order(descriptor.flags);
            uint length = TOrder.Order(descriptor.len);
            if (left == 0)
            {
                status = ChainStatus.TooLong;
                break;
            }

            if ((flags & SplitDescriptor.F_INDIRECT) != 0)
            {
                status = OpenTable(TOrder.Order(descriptor.addr), length, flags, table.Count != 0, out table);
                if (status != ChainStatus.Ok)
                {
                    break;
                }

                _walked += most - left;
                count = table.Count;
                most = left = count + 1;
                if (!TryReadIndirect(table, 0, out descriptor))
                {
                    status = ChainStatus.BadAddress;
                    break;
                }

                continue;
            }

            status = _mapper.AppendBuffer(burst, start, TOrder.Order(descriptor.addr), length, flags, write, ref total);
            if (status != ChainStatus.Ok || (flags & SplitDescriptor.F_NEXT) == 0)
            {
                break;
            }

            ushort next = TOrder.Order(descriptor.next);
            if (next >= count)
            {
                status = ChainStatus.IndexOutOfRange;
                break;
            }

            if (table.Count == 0)
            {
                WorkWitness.Descriptor();
                descriptor = Unsafe.ReadUnaligned<SplitDescriptor>(_descriptors + next);
            }
            else if (!TryReadIndirect(table, next, out descriptor))
            {
                status = ChainStatus.BadAddress;
                break;
            }
        }

        // Each round but the first has read a descriptor.
        _walked += most - left;
        return status == ChainStatus.Ok && burst.SegmentsUsed == start ? ChainStatus.Empty : status;
    }

    /// <summary>Opens an indirect table; direct descriptors may precede one, but it holds no further one. Not inlined, so that the walk stays short.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ChainStatus OpenTable(ulong address, uint length, ushort flags, bool nested, out IndirectTable table) =>
        IndirectTable.Open(ref _mapper, _indirect, nested, address, length, flags, out table);

    private bool TryReadIndirect(IndirectTable table, int index, out SplitDescriptor descriptor)
    {
        if (!table.TryFind(ref _mapper, index, out nint host))
        {
            descriptor = default;
            return false;
        }

        WorkWitness.Descriptor();
        descriptor = Unsafe.ReadUnaligned<SplitDescriptor>((void*)host);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackBeforePublish(int count)
    {
        WriteLogger.MarkChains(Layout, _burst!, count, _mixed);
        if (Layout.Inflight is { } inflight)
        {
            _chains.TrackBefore(inflight, count, (ushort)(_usedIndex + count));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackAfterPublish(int count)
    {
        if (Layout.Log is { } log)
        {
            // A mark follows its write: the front end may take a mark and copy the page at any moment.
            for (int i = 0; i < count; i++)
            {
                WriteLogger.MarkUsed(Layout, (ulong)(4 + (8 * ((_usedIndex - count + i) & _mask))), 8);
            }

            WriteLogger.MarkUsed(Layout, 2, 2);
            log.Flush();
        }

        if (Layout.Inflight is { } inflight)
        {
            _chains.TrackAfter(inflight, count, _usedIndex);
        }
    }
}
