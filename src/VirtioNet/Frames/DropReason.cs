namespace VhostNet.VirtioNet.Frames;

/// <summary>Why a frame went no further; every drop is counted under one of these, at the port that dropped it.</summary>
public enum DropReason
{
    /// <summary>The descriptor chain was malformed.</summary>
    MalformedChain,

    /// <summary>Shorter than virtio_net_hdr and an Ethernet header.</summary>
    TooShort,

    /// <summary>Longer than the receiver can take.</summary>
    TooLong,

    /// <summary>Checksum or segmentation fields of virtio_net_hdr contradict the frame.</summary>
    BadHeader,

    /// <summary>The receiving guest had no buffers and the sender could not wait.</summary>
    NoBuffers,

    /// <summary>The receiver is not running: no guest, ring stopped or disabled, link down.</summary>
    NotRunning,

    /// <summary>The sender's ring is disabled (SET_VRING_ENABLE 0).</summary>
    Disabled,

    /// <summary>No port wanted the frame, or the port is joined to no network.</summary>
    NoReceiver,

    /// <summary>The operating system refused the frame or its queue was full.</summary>
    OsError,

    /// <summary>A rate limit.</summary>
    RateLimit,

    /// <summary>A storm control limit.</summary>
    StormControl,

    /// <summary>A filter: VLAN membership, isolation, source address pinning.</summary>
    Filtered,

    /// <summary>An offload could not be finished in software.</summary>
    Offload,

    /// <summary>A second VLAN tag where the next switch would take it for the frame's own.</summary>
    VlanTag,

    /// <summary>A parser behind the port can't be trusted with the frame: an IPv4 fragment, a length or an offset that lies.</summary>
    Unsafe,

    /// <summary>A quota: the port has all the flows that it may have, or too few descriptors are left for a new one.</summary>
    Quota,

    /// <summary>The turn's work budget was spent, by the sender or by what the receiver's ring made of it, and the sender could not wait.</summary>
    Budget,

    /// <summary>It waited for a guest that was gone, longer than frames may, or another guest came.</summary>
    Stale,
}
