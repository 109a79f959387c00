namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Why a chain, or a whole ring, was refused. Each is counted per queue; none is ever an exception.</summary>
public enum ChainStatus
{
    /// <summary>Well formed.</summary>
    Ok,

    /// <summary>A next index, an avail ring entry or a packed buffer id is not below the queue size (virtio 1.3 section 2.7.5).</summary>
    IndexOutOfRange,

    /// <summary>The chain has more descriptors than the queue size or <see cref="ChainBurst.ChainSegmentsMax"/>, or loops (2.7.5.2 and 2.7.5.3.1).</summary>
    TooLong,

    /// <summary>A buffer lies wholly or partly outside guest memory.</summary>
    BadAddress,

    /// <summary>No buffer of the chain has a single byte.</summary>
    Empty,

    /// <summary>A device-readable buffer where only writable ones belong, or the reverse, or a readable one after a writable one (2.7.4.2).</summary>
    WrongDirection,

    /// <summary>An indirect table inside an indirect table, or INDIRECT together with NEXT (2.7.5.3.1).</summary>
    NestedIndirect,

    /// <summary>An indirect table whose length is 0 or no multiple of 16, or INDIRECT without the feature (2.7.5.3).</summary>
    BadIndirectTable,

    /// <summary>The lengths add up to 2^32 bytes or more (2.7.5.2).</summary>
    TooManyBytes,

    /// <summary>The avail index moved by more than the queue size: the ring is broken until it is reset (2.7.13.3).</summary>
    BrokenRing,

    /// <summary>An I/O virtual address is not in the IOTLB yet; the chain is looked at again when the front end has answered the miss.</summary>
    IotlbMiss,

    /// <summary>A receive chain without room for virtio_net_hdr (5.1.6.3.1).</summary>
    TooShort,

    /// <summary>More malformed chains in a row than <see cref="Virtqueue.MalformedRunMax"/>: the ring is broken until it is reset.</summary>
    MalformedRun,
}
