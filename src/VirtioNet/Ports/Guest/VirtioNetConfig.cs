using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>struct virtio_net_config up to mtu (virtio 1.3 section 5.1.4, linux/virtio_net.h), little-endian but for a big-endian legacy guest.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
internal struct VirtioNetConfig
{
    /// <summary>offsetof(struct virtio_net_config, speed).</summary>
    public const int Size = 12;

    /// <summary>VIRTIO_NET_S_LINK_UP.</summary>
    public const ushort S_LINK_UP = 1;

    /// <summary>mac[0..3].</summary>
    public uint MacLow;

    /// <summary>mac[4..5].</summary>
    public ushort MacHigh;

    /// <summary>status.</summary>
    public ushort Status;

    /// <summary>max_virtqueue_pairs.</summary>
    public ushort MaxVirtqueuePairs;

    /// <summary>mtu.</summary>
    public ushort Mtu;
}
