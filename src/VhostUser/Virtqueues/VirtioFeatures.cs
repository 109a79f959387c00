namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Feature bits of virtio 1.3 section 6 and of vhost (linux/virtio_config.h, linux/vhost_types.h) that concern rings and transport, as masks.
/// </summary>
public static class VirtioFeatures
{
    /// <summary>VIRTIO_F_NOTIFY_ON_EMPTY (bit 24, legacy): interrupt when the device runs out of buffers.</summary>
    public const ulong NOTIFY_ON_EMPTY = 1UL << 24;

    /// <summary>VHOST_F_LOG_ALL (bit 26): guest memory writes are logged.</summary>
    public const ulong LOG_ALL = 1UL << 26;

    /// <summary>VIRTIO_F_ANY_LAYOUT (bit 27, legacy): no assumption on how a frame is split over descriptors.</summary>
    public const ulong ANY_LAYOUT = 1UL << 27;

    /// <summary>VIRTIO_F_INDIRECT_DESC (bit 28).</summary>
    public const ulong INDIRECT_DESC = 1UL << 28;

    /// <summary>VIRTIO_F_EVENT_IDX (bit 29).</summary>
    public const ulong EVENT_IDX = 1UL << 29;

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES (bit 30).</summary>
    public const ulong PROTOCOL_FEATURES = 1UL << 30;

    /// <summary>VIRTIO_F_VERSION_1 (bit 32).</summary>
    public const ulong VERSION_1 = 1UL << 32;

    /// <summary>VIRTIO_F_ACCESS_PLATFORM (bit 33): addresses are I/O virtual ones.</summary>
    public const ulong ACCESS_PLATFORM = 1UL << 33;

    /// <summary>VIRTIO_F_RING_PACKED (bit 34).</summary>
    public const ulong RING_PACKED = 1UL << 34;

    /// <summary>VIRTIO_F_IN_ORDER (bit 35): buffers are used in the order in which they were made available.</summary>
    public const ulong IN_ORDER = 1UL << 35;

    /// <summary>VIRTIO_F_NOTIFICATION_DATA (bit 38).</summary>
    public const ulong NOTIFICATION_DATA = 1UL << 38;

    /// <summary>VIRTIO_F_RING_RESET (bit 40): one queue can be reset alone.</summary>
    public const ulong RING_RESET = 1UL << 40;
}
