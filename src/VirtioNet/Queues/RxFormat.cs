using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>In what form a guest wants frames in its buffers; fixed while its ring runs.</summary>
/// <param name="HeaderSize">Bytes of virtio_net_hdr before each frame: 12, or 10 for a legacy guest without mergeable buffers.</param>
/// <param name="IsMergeable">VIRTIO_NET_F_MRG_RXBUF was negotiated: a frame may take several buffers.</param>
/// <param name="SwapsHeaders">The guest reads its headers in the other byte order than ours (SET_VRING_ENDIAN).</param>
/// <param name="Takes">What the guest takes unfinished.</param>
/// <param name="Demotes">Short frames are moved to the shared cache (<see cref="VhostUser.Virtqueues.CacheDemotion"/>).</param>
internal readonly record struct RxFormat(int HeaderSize, bool IsMergeable, bool SwapsHeaders, Offloads Takes, bool Demotes)
{
    /// <summary>The flags that a guest with VIRTIO_NET_F_GUEST_CSUM may be told.</summary>
    private const byte FlagsWithChecksum = VirtioNetHeader.F_NEEDS_CSUM | VirtioNetHeader.F_DATA_VALID;

    /// <summary>The guest did not negotiate VIRTIO_NET_F_GUEST_CSUM: partial checksums are finished while frames are copied.</summary>
    public bool FinishesChecksums => (Takes & Offloads.Checksum) == Offloads.None;

    /// <summary>The flags that the guest may be told. virtio 1.3 section 5.1.6.4.1: without VIRTIO_NET_F_GUEST_CSUM all are zero, DATA_VALID too.</summary>
    public byte GuestFlags => FinishesChecksums ? (byte)0 : FlagsWithChecksum;
}
