namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// Work on a frame that its sender may leave to the receiver. A port states which of them it takes unfinished; whatever a frame carries beyond that is
/// finished in software on the way (virtio 1.3 sections 5.1.6.2 and 5.1.6.4).
/// </summary>
[Flags]
public enum Offloads
{
    /// <summary>Only complete frames.</summary>
    None = 0,

    /// <summary>Frames whose TCP or UDP checksum is partial (VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
    Checksum = 1,

    /// <summary>TCP over IPv4 segments of up to 64 KiB.</summary>
    Tso4 = 2,

    /// <summary>TCP over IPv6 segments of up to 64 KiB.</summary>
    Tso6 = 4,

    /// <summary>TCP segments with the CWR bit set (VIRTIO_NET_HDR_GSO_ECN).</summary>
    Ecn = 8,

    /// <summary>UDP over IPv4 datagrams to be segmented (VIRTIO_NET_HDR_GSO_UDP_L4).</summary>
    Uso4 = 16,

    /// <summary>UDP over IPv6 datagrams to be segmented (VIRTIO_NET_HDR_GSO_UDP_L4).</summary>
    Uso6 = 32,

    /// <summary>Everything.</summary>
    All = Checksum | Tso4 | Tso6 | Ecn | Uso4 | Uso6,
}
