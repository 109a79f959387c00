namespace VhostNet.VhostUser.Frontend;

/// <summary>What the driver remembers of one outstanding chain, where the device can't reach it.</summary>
internal struct ChainState
{
    /// <summary>The caller's number.</summary>
    public ulong Cookie;

    /// <summary>Guest address of a table that was allocated for this chain alone.</summary>
    public ulong TableAddress;

    /// <summary>Length of that table in bytes; 0 when there is none.</summary>
    public uint TableLength;

    /// <summary>All writable bytes of the chain.</summary>
    public uint WritableLength;

    /// <summary>Ring descriptors that the chain takes; 0 when nothing is outstanding under this id.</summary>
    public ushort Count;

    /// <summary>Split: the last descriptor of the chain. Packed: the next free id.</summary>
    public ushort Tail;

    public void Start(ulong cookie, int count)
    {
        Cookie = cookie;
        WritableLength = 0;
        Count = (ushort)count;
    }

    /// <summary>Starts a split chain whose only descriptor has this id.</summary>
    public void StartSingle(in GuestBuffer buffer, ushort id)
    {
        Cookie = buffer.Address;
        WritableLength = buffer.Writable ? buffer.Length : 0;
        Count = 1;
        Tail = id;
    }

    /// <summary>The ready-made table of an id, or one allocated for this chain when that is too short.</summary>
    public ulong GetTable(GuestMemory memory, ulong tables, int id, int tableEntries, int entries)
    {
        if (tables != 0 && entries <= tableEntries)
        {
            return tables + 16UL * (ulong)tableEntries * (ulong)id;
        }

        TableLength = 16u * (uint)entries;
        return TableAddress = memory.Allocate(TableLength, 16);
    }

    public void FreeTable(GuestMemory memory)
    {
        if (TableLength != 0)
        {
            memory.Free(TableAddress, TableLength);
            TableLength = 0;
        }
    }
}
