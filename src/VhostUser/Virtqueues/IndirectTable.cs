using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>An indirect descriptor table that is being walked (virtio 1.3 sections 2.7.5.3 and 2.8.8).</summary>
/// <param name="Address">Guest address of its first entry.</param>
/// <param name="Host">Where it is mapped, or 0 when it spans two windows and each entry is translated for itself.</param>
/// <param name="Count">Number of entries; 0 when no table is open.</param>
internal readonly record struct IndirectTable(ulong Address, nint Host, int Count)
{
    // Of both ring formats.
    private const int EntrySize = SplitDescriptor.Size;

    /// <summary>Checks the descriptor that names a table, and finds the table.</summary>
    /// <param name="mapper">Translates its address.</param>
    /// <param name="negotiated">Whether INDIRECT_DESC is negotiated.</param>
    /// <param name="nested">Whether the descriptor stands where there must not be one.</param>
    /// <param name="address">The descriptor's address.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="table">The table; without entries when the result is not Ok.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ChainStatus Open(
        ref BufferMapper mapper, bool negotiated, bool nested, ulong address, uint length, ushort flags, out IndirectTable table)
    {
        table = default;
        if (nested || (flags & SplitDescriptor.F_NEXT) != 0)
        {
            return ChainStatus.NestedIndirect;
        }

        if (!negotiated || length == 0 || length % EntrySize != 0)
        {
            return ChainStatus.BadIndirectTable;
        }

        if (length / EntrySize > ChainBurst.ChainSegmentsMax)
        {
            return ChainStatus.TooLong;
        }

        _ = mapper.TryTranslate(address, length, write: false, out nint host);
        table = new IndirectTable(address, host, (int)(length / EntrySize));
        return ChainStatus.Ok;
    }

    /// <summary>Finds where an entry is mapped; false when it is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ref BufferMapper mapper, int index, out nint host)
    {
        host = Host == 0 ? 0 : Host + (index * EntrySize);
        return host != 0 || mapper.TryTranslate(Address + (ulong)(index * EntrySize), EntrySize, write: false, out host);
    }
}
