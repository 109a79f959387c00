using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// A ring's memory, field by field, for those who want it wrong: any value can be stored in any field, next to or instead of what the driver queue stores.
/// The slot numbers themselves are checked, so that nothing outside the ring is touched.
/// </summary>
internal sealed unsafe class RawRing
{
    private readonly byte* _descriptors;
    private readonly byte* _driver;
    private readonly byte* _device;
    private readonly bool _swap;

    internal RawRing(int size, bool packed, bool swapBytes, nint descriptors, nint driver, nint device)
    {
        Size = size;
        IsPacked = packed;
        _swap = swapBytes;
        _descriptors = (byte*)descriptors;
        _driver = (byte*)driver;
        _device = (byte*)device;
    }

    /// <summary>Queue size in descriptors.</summary>
    public int Size { get; }

    /// <summary>True for a packed ring.</summary>
    public bool IsPacked { get; }

    /// <summary>The descriptor at a slot of the table or packed ring. The flags are written last.</summary>
    public RawDescriptor this[int slot]
    {
        // SAFETY: Check keeps the slot inside the table that the queue allocated, which lives as long as the guest memory.
        get => ReadDescriptor(_descriptors + 16 * Check(slot), IsPacked, _swap);
        set => WriteDescriptor(_descriptors + 16 * Check(slot), value, IsPacked, _swap);
    }

    // SAFETY: all of these are at fixed offsets of the areas whose sizes follow from the queue size; Check bounds the variable ones.

    /// <summary>Split: flags of the avail ring.</summary>
    public ushort AvailFlags { get => Read16(_driver); set => Write16(_driver, value); }

    /// <summary>Split: index of the avail ring, read and written with acquire and release.</summary>
    public ushort AvailIndex { get => Read16(_driver + 2); set => Write16(_driver + 2, value); }

    /// <summary>Split: used_event, behind the avail ring.</summary>
    public ushort UsedEvent { get => Read16(_driver + 4 + 2 * Size); set => Write16(_driver + 4 + 2 * Size, value); }

    /// <summary>Split: flags of the used ring.</summary>
    public ushort UsedFlags { get => Read16(_device); set => Write16(_device, value); }

    /// <summary>Split: index of the used ring.</summary>
    public ushort UsedIndex { get => Read16(_device + 2); set => Write16(_device + 2, value); }

    /// <summary>Split: avail_event, behind the used ring.</summary>
    public ushort AvailEvent { get => Read16(_device + 4 + 8 * Size); set => Write16(_device + 4 + 8 * Size, value); }

    /// <summary>Packed: the driver's event suppression: offset and wrap bit in the low half, flags in the high half.</summary>
    public uint DriverEvent { get => Volatile.Read(ref *(uint*)_driver); set => Volatile.Write(ref *(uint*)_driver, value); }

    /// <summary>Packed: the device's event suppression, in the same layout.</summary>
    public uint DeviceEvent { get => Volatile.Read(ref *(uint*)_device); set => Volatile.Write(ref *(uint*)_device, value); }

    /// <summary>Split: an entry of the avail ring.</summary>
    public ushort GetAvail(int slot) => Read16(_driver + 4 + 2 * Check(slot));

    /// <summary>Split: stores an entry of the avail ring.</summary>
    public void SetAvail(int slot, ushort head) => Write16(_driver + 4 + 2 * Check(slot), head);

    /// <summary>Split: an entry of the used ring.</summary>
    public (uint Id, uint Length) GetUsed(int slot)
    {
        byte* entry = _device + 4 + 8 * Check(slot);
        return (Swap(*(uint*)entry, _swap), Swap(*(uint*)(entry + 4), _swap));
    }

    /// <summary>Split: stores an entry of the used ring, playing the device.</summary>
    public void SetUsed(int slot, uint id, uint length)
    {
        byte* entry = _device + 4 + 8 * Check(slot);
        *(uint*)entry = Swap(id, _swap);
        *(uint*)(entry + 4) = Swap(length, _swap);
    }

    /// <summary>Stores a descriptor of an indirect table that lies in guest memory.</summary>
    /// <param name="memory">The guest memory; the entry must lie in one region.</param>
    /// <param name="tableAddress">Guest address of the table.</param>
    /// <param name="position">Entry number.</param>
    /// <param name="descriptor">The descriptor.</param>
    public void SetIndirect(GuestMemory memory, ulong tableAddress, int position, RawDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(memory);
        fixed (byte* entry = memory.Bytes(tableAddress + 16UL * (ulong)position, 16))
        {
            WriteDescriptor(entry, descriptor, IsPacked, _swap);
        }
    }

    // SAFETY: callers pass the address of 16 bytes of mapped guest memory.
    internal static void WriteDescriptor(byte* at, in RawDescriptor d, bool packed, bool swap)
    {
        ushort flags = Swap(d.Flags, swap), nextOrId = Swap(d.NextOrId, swap);
        Unsafe.WriteUnaligned(at, Swap(d.Address, swap));
        Unsafe.WriteUnaligned(at + 8, Swap(d.Length, swap));
        Unsafe.WriteUnaligned(at + (packed ? 12 : 14), nextOrId);
        Volatile.Write(ref *(ushort*)(at + (packed ? 14 : 12)), flags);
    }

    // SAFETY: as above.
    internal static RawDescriptor ReadDescriptor(byte* at, bool packed, bool swap)
    {
        ushort flags = Volatile.Read(ref *(ushort*)(at + (packed ? 14 : 12)));
        ushort nextOrId = Unsafe.ReadUnaligned<ushort>(at + (packed ? 12 : 14));
        return new RawDescriptor(
            Swap(Unsafe.ReadUnaligned<ulong>(at), swap), Swap(Unsafe.ReadUnaligned<uint>(at + 8), swap), Swap(flags, swap), Swap(nextOrId, swap));
    }

    internal static ushort Swap(ushort value, bool swap) => swap ? BinaryPrimitives.ReverseEndianness(value) : value;

    internal static uint Swap(uint value, bool swap) => swap ? BinaryPrimitives.ReverseEndianness(value) : value;

    internal static ulong Swap(ulong value, bool swap) => swap ? BinaryPrimitives.ReverseEndianness(value) : value;

    // SAFETY: the callers' offsets are inside the ring's areas.
    private ushort Read16(byte* at) => Swap(Volatile.Read(ref *(ushort*)at), _swap);

    // SAFETY: as above.
    private void Write16(byte* at, ushort value) => Volatile.Write(ref *(ushort*)at, Swap(value, _swap));

    private int Check(int slot)
    {
        if ((uint)slot >= (uint)Size)
        {
            throw new ArgumentOutOfRangeException(nameof(slot), $"slot {slot} is outside the ring of {Size}");
        }

        return slot;
    }
}
