using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// struct virtio_net_hdr_v1 (virtio 1.3 section 5.1.6, linux/virtio_net.h), in this machine's byte order: 12 bytes; a legacy guest without mergeable
/// buffers has the first 10 only. Always read by value and checked before use: a guest may write anything into it. Where a legacy guest has the other byte
/// order, headers are turned at the edge (<see cref="IHeaderOrder"/>): none inside is in any other order than ours.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 2, Size = Size)]
public record struct VirtioNetHeader
{
    /// <summary>sizeof(struct virtio_net_hdr_v1).</summary>
    public const int Size = 12;

    /// <summary>sizeof(struct virtio_net_hdr), without num_buffers.</summary>
    public const int LegacySize = 10;

    /// <summary>VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum at csum_start + csum_offset covers the pseudo header only.</summary>
    public const byte F_NEEDS_CSUM = 1;

    /// <summary>VIRTIO_NET_HDR_F_DATA_VALID: the checksum was verified.</summary>
    public const byte F_DATA_VALID = 2;

    /// <summary>VIRTIO_NET_HDR_F_RSC_INFO: csum_start and csum_offset hold receive coalescing figures.</summary>
    public const byte F_RSC_INFO = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_NONE.</summary>
    public const byte GSO_NONE = 0;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV4.</summary>
    public const byte GSO_TCPV4 = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_UDP (fragmentation, obsolete, never offered).</summary>
    public const byte GSO_UDP = 3;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV6.</summary>
    public const byte GSO_TCPV6 = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_UDP_L4.</summary>
    public const byte GSO_UDP_L4 = 5;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN, ored to a TCP type.</summary>
    public const byte GSO_ECN = 0x80;

    /// <summary>F_ bits.</summary>
    public byte Flags;

    /// <summary>GSO_ value.</summary>
    public byte GsoType;

    /// <summary>Length of all headers in bytes; a hint that is never believed.</summary>
    public ushort HdrLen;

    /// <summary>Payload bytes of each segment.</summary>
    public ushort GsoSize;

    /// <summary>Where checksumming starts, in bytes from the frame's begin.</summary>
    public ushort CsumStart;

    /// <summary>Where the checksum belongs, in bytes from CsumStart.</summary>
    public ushort CsumOffset;

    /// <summary>Receive buffers that the frame spans; set by the device (VIRTIO_NET_F_MRG_RXBUF).</summary>
    public ushort NumBuffers;

    /// <summary>True when the frame is complete: nothing is left for a receiver to finish.</summary>
    public readonly bool IsPlain => ((Flags & F_NEEDS_CSUM) | GsoType) == 0;

    /// <summary>True when a receiver need not even be told that the checksum was verified.</summary>
    public readonly bool IsBlank => (Flags | GsoType) == 0;
}
