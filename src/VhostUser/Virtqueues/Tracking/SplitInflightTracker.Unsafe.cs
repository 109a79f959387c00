using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues.Tracking;

/// <summary>
/// Tracks a split ring in its region of the inflight area: header {u64 features, u16 version, u16 descriptors, u16 last batch head, u16 used index}, then for
/// each descriptor {u8 inflight, 5 pad, u16 next, u64 counter}.
/// </summary>
// SAFETY: the region was mapped for _size entries, and every index is compared with _size before it is used; the front end may change any of the
// memory meanwhile, so values are read once.
internal sealed unsafe class SplitInflightTracker : IInflightTracker
{
    private const int VersionOffset = 8;
    private const int CountOffset = 10;
    private const int BatchHeadOffset = 12;
    private const int UsedIndexOffset = 14;
    private const int NextOffset = 6;
    private const int CounterOffset = 8;
    private const ushort Version = 1;

    private readonly InflightArea _area;
    private readonly byte* _region;
    private readonly int _size;
    private ulong _counter;

    public SplitInflightTracker(InflightArea area, int queue)
    {
        _area = area;
        _region = area.Region(queue);
        _size = area.QueueSize;
    }

    private ref ushort BatchHead => ref *(ushort*)(_region + BatchHeadOffset);

    private ref ushort UsedIndex => ref *(ushort*)(_region + UsedIndexOffset);

    /// <summary>Makes the region one in which nothing is in flight, at a used index.</summary>
    public void Reset(ushort usedIndex)
    {
        new Span<byte>(_region, InflightArea.SplitHeaderSize + (_size * InflightArea.SplitEntrySize)).Clear();
        *(ushort*)(_region + CountOffset) = (ushort)_size;
        UsedIndex = usedIndex;
        Volatile.Write(ref *(ushort*)(_region + VersionOffset), Version);
    }

    /// <summary>
    /// Takes over what the back end before us left: finishes its last batch, if it had published it, and tells which chains it never gave back.
    /// </summary>
    /// <param name="ringUsedIndex">The used index that the ring shows.</param>
    /// <returns>Heads of chains in flight, in the order in which they were taken; null when the region is fresh or not of this layout.</returns>
    public ushort[]? Recover(ushort ringUsedIndex)
    {
        if (*(ushort*)(_region + VersionOffset) != Version || *(ushort*)(_region + CountOffset) != (ushort)_size)
        {
            return null;
        }

        ushort batch = (ushort)(ringUsedIndex - UsedIndex);
        ushort head = BatchHead;
        for (int i = 0; i < Math.Min((int)batch, _size) && head < _size; i++)
        {
            byte* entry = Entry(head);
            *entry = 0;
            head = *(ushort*)(entry + NextOffset);
        }

        UsedIndex = ringUsedIndex;
        var left = new List<(ulong Counter, ushort Head)>();
        for (int i = 0; i < _size; i++)
        {
            byte* entry = Entry(i);
            if (*entry == 1)
            {
                left.Add((*(ulong*)(entry + CounterOffset), (ushort)i));
            }
        }

        left.Sort();
        _counter = left.Count == 0 ? 0 : left[^1].Counter + 1;
        return [.. left.Select(l => l.Head)];
    }

    public void Take(ReadOnlySpan<ushort> heads)
    {
        foreach (ushort head in heads)
        {
            if (head < _size)
            {
                byte* entry = Entry(head);
                *(ulong*)(entry + CounterOffset) = _counter++;
                Volatile.Write(ref *entry, 1);
            }
        }
    }

    public void BeforePublish(ReadOnlySpan<ushort> heads, ushort usedIndex)
    {
        foreach (ushort head in heads)
        {
            if (head < _size)
            {
                *(ushort*)(Entry(head) + NextOffset) = BatchHead;
                Volatile.Write(ref BatchHead, head);
            }
        }
    }

    public void AfterPublish(ReadOnlySpan<ushort> heads, ushort usedIndex)
    {
        // The used index was stored before; a process that dies in here finds it ahead of ours and clears the batch itself.
        foreach (ushort head in heads)
        {
            if (head < _size)
            {
                Volatile.Write(ref *Entry(head), 0);
            }
        }

        Volatile.Write(ref UsedIndex, usedIndex);
        GC.KeepAlive(_area);
    }

    private byte* Entry(int index) => _region + InflightArea.SplitHeaderSize + (index * InflightArea.SplitEntrySize);
}
