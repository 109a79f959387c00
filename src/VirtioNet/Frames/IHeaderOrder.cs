namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// The byte order in which a guest writes and reads virtio_net_hdr, a type argument so that the common order costs nothing (virtio 1.3
/// section 5.1.6.1: a legacy driver's own order, which SET_VRING_ENDIAN tells).
/// </summary>
internal interface IHeaderOrder
{
    /// <summary>False when the 16-bit fields are to be turned.</summary>
    static abstract bool IsNative { get; }

    /// <summary>The first eight bytes as the guest reads them: flags, gso_type, hdr_len, gso_size, csum_start.</summary>
    static abstract ulong OrderLow(ulong low);

    /// <summary>The last bytes as the guest reads them: csum_offset, and num_buffers above it.</summary>
    static abstract uint OrderHigh(uint high);
}
