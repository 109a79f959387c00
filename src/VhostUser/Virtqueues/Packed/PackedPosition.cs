namespace VhostNet.VhostUser.Virtqueues.Packed;

/// <summary>A place in a packed ring: the slot, and the wrap counter that changes with every turn (virtio 1.3 section 2.8.1).</summary>
/// <param name="Slot">Slot number, below the queue size.</param>
/// <param name="Wrap">The wrap counter; true in the first turn.</param>
internal readonly record struct PackedPosition(int Slot, bool Wrap)
{
    /// <summary>The form that SET_VRING_BASE and the event suppression areas use: bit 15 is the wrap counter.</summary>
    public ushort Encoded => (ushort)(Slot | (Wrap ? 0x8000 : 0));

    /// <summary>Reads the encoded form.</summary>
    public static PackedPosition Decode(ushort value) => new(value & 0x7fff, (value & 0x8000) != 0);

    /// <summary>The position <paramref name="slots"/> (at most one turn) further on.</summary>
    public PackedPosition Advance(int slots, int size)
    {
        int slot = Slot + slots;
        return slot >= size ? new PackedPosition(slot - size, !Wrap) : new PackedPosition(slot, Wrap);
    }
}
