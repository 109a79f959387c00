using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// The flows that a source's last bursts held: where frames that begin with the same addresses, EtherType and tag go, so that one comparison stands in for the
/// two look-ups of source and destination. All of it is forgotten whenever anything that the decisions rest on may have changed. Used by the queue's data
/// thread only.
/// </summary>
internal sealed unsafe class SwitchFlowCache : IDisposable
{
    /// <summary>Two entries share a cache line; 512 of them are a third of a first-level cache.</summary>
    private const int Sets = 1 << SetBits;

    private const int SetBits = 8;

    private const ulong Multiplier = 0x9e37_79b9_7f4a_7c15;

    // SAFETY: two entries for each set, allocated here and freed only by Dispose, which the switch calls when no data thread is inside; Locate keeps the index
    // below Sets.
    private readonly Entry* _entries;

    // Entries of other generations are empty. 2^32 of them take years of changes, one a burst, to come round.
    private uint _generation = 1;
    private bool _disposed;

    public SwitchFlowCache()
    {
        _entries = (Entry*)NativeMemory.AlignedAlloc(2 * Sets * (nuint)sizeof(Entry), 64);
        NativeMemory.Clear(_entries, 2 * Sets * (nuint)sizeof(Entry));
    }

    ~SwitchFlowCache() => Free();

    /// <summary>Forgets all flows.</summary>
    public void Clear() => _generation++;

    /// <summary>Finds the flow of frames that begin so.</summary>
    /// <param name="begin">The first 16 bytes, those behind the EtherType masked unless that says there is a tag.</param>
    /// <param name="vlan">The VLAN that they belong to.</param>
    /// <returns>The number of the port that they go to, or -1.</returns>
    // SAFETY: as Locate.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(Vector128<byte> begin, out ushort vlan)
    {
        Entry* entry = Locate(begin);
        if (entry->Begin != begin)
        {
            entry++;
        }

        vlan = entry->Vlan;
        return entry->Begin == begin && entry->Generation == _generation ? entry->Slot : -1;
    }

    /// <summary>Remembers a flow in place of the older one of its set.</summary>
    // SAFETY: as Locate.
    public void Add(Vector128<byte> begin, int slot, ushort vlan)
    {
        Entry* entry = Locate(begin);
        if (entry->Begin != begin)
        {
            entry[1] = entry[0];
        }

        entry->Begin = begin;
        entry->Generation = _generation;
        entry->Slot = (ushort)slot;
        entry->Vlan = vlan;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    // SAFETY: the shift leaves an index below Sets. A guest that makes flows meet in one set gets the look-ups that it would have without this.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Entry* Locate(Vector128<byte> begin)
    {
        ulong low = begin.AsUInt64()[0] * Multiplier;
        ulong high = begin.AsUInt64()[1];
        return _entries + (2 * (((low ^ high) * Multiplier) >> (64 - SetBits)));
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_entries);
        }
    }

    /// <summary>Half a cache line.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct Entry
    {
        public Vector128<byte> Begin;
        public uint Generation;
        public ushort Slot;
        public ushort Vlan;
    }
}
