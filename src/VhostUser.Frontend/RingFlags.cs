namespace VhostNet.VhostUser.Frontend;

/// <summary>Flag values of rings and descriptors, as in linux/virtio_ring.h.</summary>
internal static class RingFlags
{
    /// <summary>The chain goes on in the next descriptor.</summary>
    public const ushort VRING_DESC_F_NEXT = 1;

    /// <summary>The device writes the buffer.</summary>
    public const ushort VRING_DESC_F_WRITE = 2;

    /// <summary>The buffer is a table of descriptors.</summary>
    public const ushort VRING_DESC_F_INDIRECT = 4;

    /// <summary>Packed: equals the driver's wrap counter when the descriptor is available.</summary>
    public const ushort VRING_PACKED_DESC_F_AVAIL = 1 << 7;

    /// <summary>Packed: equals the other bit when the descriptor is used.</summary>
    public const ushort VRING_PACKED_DESC_F_USED = 1 << 15;

    /// <summary>Split, in the avail ring: do not interrupt.</summary>
    public const ushort VRING_AVAIL_F_NO_INTERRUPT = 1;

    /// <summary>Split, in the used ring: do not kick.</summary>
    public const ushort VRING_USED_F_NO_NOTIFY = 1;

    /// <summary>Packed: events are wanted.</summary>
    public const ushort VRING_PACKED_EVENT_FLAG_ENABLE = 0;

    /// <summary>Packed: events are not wanted.</summary>
    public const ushort VRING_PACKED_EVENT_FLAG_DISABLE = 1;

    /// <summary>Packed: an event is wanted at one descriptor.</summary>
    public const ushort VRING_PACKED_EVENT_FLAG_DESC = 2;
}
