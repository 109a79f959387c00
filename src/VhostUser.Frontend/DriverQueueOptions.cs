namespace VhostNet.VhostUser.Frontend;

/// <summary>What a driver queue is made from.</summary>
public sealed record DriverQueueOptions
{
    /// <summary>Number of the ring on the wire.</summary>
    public int Index { get; init; }

    /// <summary>Queue size in descriptors (1 to 32768; a power of two for split rings).</summary>
    public int Size { get; init; } = 256;

    /// <summary>The negotiated virtio features; RING_PACKED chooses the layout.</summary>
    public ulong Features { get; init; }

    /// <summary>True to keep a split ring in the byte order that this machine does not have (SET_VRING_ENDIAN).</summary>
    public bool SwapBytes { get; init; }

    /// <summary>How many descriptors each ready-made indirect table holds; longer ones are allocated when needed.</summary>
    public int IndirectLength { get; init; } = 16;

    /// <summary>
    /// Where the ring starts. Split: the avail and used index (0 to 65535). Packed: slot in bits 0 to 14 and wrap counter in bit 15, for both positions; null
    /// for the start of a fresh ring.
    /// </summary>
    public ushort? Start { get; init; }

    /// <summary>The region to allocate the ring from, or null for any.</summary>
    public GuestRegion? Region { get; init; }
}
