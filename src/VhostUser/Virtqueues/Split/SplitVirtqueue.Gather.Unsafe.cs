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
                status = OpenTable(descriptor, flags, length, table.Count != 0, write, out table);
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

    /// <summary>Checks an indirect descriptor (2.7.5.3); an indirect table may be preceded by direct descriptors but holds no further table.</summary>
    private ChainStatus OpenTable(SplitDescriptor descriptor, ushort flags, uint length, bool nested, bool write, out IndirectTable table)
    {
        table = default;
        if (nested || (flags & SplitDescriptor.F_NEXT) != 0)
        {
            return ChainStatus.NestedIndirect;
        }

        if (!_indirect || length == 0 || length % SplitDescriptor.Size != 0)
        {
            return ChainStatus.BadIndirectTable;
        }

        if (length / SplitDescriptor.Size > ChainBurst.ChainSegmentsMax)
        {
            return ChainStatus.TooLong;
        }

        ulong address = TOrder.Order(descriptor.addr);
        _ = _mapper.TryTranslate(address, length, write: false, out nint host);
        table = new IndirectTable(address, host, (int)(length / SplitDescriptor.Size));
        return ChainStatus.Ok;
    }

    private bool TryReadIndirect(IndirectTable table, int index, out SplitDescriptor descriptor)
    {
        nint host = table.Host == 0 ? 0 : table.Host + (index * SplitDescriptor.Size);
        if (host == 0 && !_mapper.TryTranslate(table.Address + (ulong)(index * SplitDescriptor.Size), SplitDescriptor.Size, write: false, out host))
        {
            descriptor = default;
            return false;
        }

        WorkWitness.Descriptor();
        descriptor = Unsafe.ReadUnaligned<SplitDescriptor>((void*)host);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TrackBeforePublish(int count)
    {
        if (Layout.Log is not null || Layout.Inflight is not null)
        {
            TrackBeforePublishCore(count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackBeforePublishCore(int count)
    {
        if (Layout.Log is { } log)
        {
            for (int i = 0; i < count; i++)
            {
                WriteLogger.MarkChain(Layout, _burst!, i);
            }

            log.Flush();
        }

        if (Layout.Inflight is { } inflight)
        {
            _chains.TrackBefore(inflight, count, (ushort)(_usedIndex + count));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TrackAfterPublish(int count)
    {
        if (Layout.Log is not null || Layout.Inflight is not null)
        {
            TrackAfterPublishCore(count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackAfterPublishCore(int count)
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
