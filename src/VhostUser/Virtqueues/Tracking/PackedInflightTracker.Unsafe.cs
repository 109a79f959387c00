using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues.Tracking;

/// <summary>
/// Tracks a packed ring in its region of the inflight area: header {u64 features, u16 version, descriptors, free head, old free head, used slot, old used slot,
/// u8 used wrap, old used wrap}, padded to 32 bytes, then entries {u8 inflight, pad, u16 next, last, num, u64 counter, u16 id, flags, u32 len, u64 addr}. A
/// chain takes one entry, found by its buffer id. Buffers are used in order here, so the ring itself still holds the descriptors of whatever is in flight:
/// addresses and lengths are not copied into the entries.
/// </summary>
// SAFETY: as in SplitInflightTracker.
internal sealed unsafe class PackedInflightTracker : IInflightTracker
{
    private const int VersionOffset = 8;
    private const int CountOffset = 10;
    private const int FreeHeadOffset = 12;
    private const int UsedSlotOffset = 16;
    private const int OldUsedSlotOffset = 18;
    private const int UsedWrapOffset = 20;
    private const int OldUsedWrapOffset = 21;
    private const int NextOffset = 2;
    private const int LastOffset = 4;
    private const int NumOffset = 6;
    private const int CounterOffset = 8;
    private const int IdOffset = 16;
    private const ushort Version = 1;
    private const ushort SlotMask = 0x7fff;

    private readonly InflightArea _area;
    private readonly byte* _region;
    private readonly int _size;
    private ulong _counter;

    public PackedInflightTracker(InflightArea area, int queue)
    {
        _area = area;
        _region = area.Region(queue);
        _size = area.QueueSize;
    }

    /// <summary>Makes the region one in which nothing is in flight, at a used slot with its wrap bit 15.</summary>
    public void Reset(ushort usedPosition)
    {
        new Span<byte>(_region, InflightArea.PackedHeaderSize + (_size * InflightArea.PackedEntrySize)).Clear();
        *(ushort*)(_region + CountOffset) = (ushort)_size;
        for (int i = 0; i < _size; i++)
        {
            *(ushort*)(Entry(i) + NextOffset) = (ushort)(i + 1 == _size ? 0 : i + 1);
        }

        *(ushort*)(_region + FreeHeadOffset) = 0;
        StorePosition(UsedSlotOffset, UsedWrapOffset, usedPosition);
        StorePosition(OldUsedSlotOffset, OldUsedWrapOffset, usedPosition);
        Volatile.Write(ref *(ushort*)(_region + VersionOffset), Version);
    }

    /// <summary>
    /// Takes over what the back end before us left: rolls a half-finished batch forward if its first used descriptor is in the ring, back if it is not.
    /// </summary>
    /// <param name="isUsed">Whether the ring's descriptor at a slot was written as used in the turn with this wrap bit.</param>
    /// <returns>The used position with its wrap bit 15, at which the ring continues; null when the region is fresh or not of this layout.</returns>
    public ushort? Recover(Func<int, bool, bool> isUsed)
    {
        if (*(ushort*)(_region + VersionOffset) != Version || *(ushort*)(_region + CountOffset) != (ushort)_size)
        {
            return null;
        }

        ushort used = LoadPosition(UsedSlotOffset, UsedWrapOffset);
        ushort old = LoadPosition(OldUsedSlotOffset, OldUsedWrapOffset);
        if ((used & SlotMask) >= _size || (old & SlotMask) >= _size)
        {
            return null;
        }

        if (used != old && !isUsed(old & SlotMask, old >> 15 != 0))
        {
            used = old;
        }

        Reset(used);
        return used;
    }

    public void Take(ReadOnlySpan<ushort> heads)
    {
        foreach (ushort id in heads)
        {
            if (id < _size)
            {
                byte* entry = Entry(id);
                *(ulong*)(entry + CounterOffset) = _counter++;
                *(ushort*)(entry + IdOffset) = id;
                *(ushort*)(entry + LastOffset) = id;
                *(ushort*)(entry + NumOffset) = 1;
                Volatile.Write(ref *entry, 1);
            }
        }
    }

    public void BeforePublish(ReadOnlySpan<ushort> heads, ushort usedIndex) =>
        // The old copy names the place before the batch, where recovery looks whether the batch was published.
        StorePosition(UsedSlotOffset, UsedWrapOffset, usedIndex);

    public void AfterPublish(ReadOnlySpan<ushort> heads, ushort usedIndex)
    {
        foreach (ushort id in heads)
        {
            if (id < _size)
            {
                Volatile.Write(ref *Entry(id), 0);
            }
        }

        StorePosition(OldUsedSlotOffset, OldUsedWrapOffset, usedIndex);
        GC.KeepAlive(_area);
    }

    private byte* Entry(int index) => _region + InflightArea.PackedHeaderSize + (index * InflightArea.PackedEntrySize);

    private ushort LoadPosition(int slot, int wrap) => (ushort)((*(ushort*)(_region + slot) & SlotMask) | (_region[wrap] != 0 ? 0x8000 : 0));

    private void StorePosition(int slot, int wrap, ushort position)
    {
        Volatile.Write(ref *(ushort*)(_region + slot), (ushort)(position & SlotMask));
        Volatile.Write(ref _region[wrap], (byte)(position >> 15));
    }
}
