namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Why a <see cref="Virtqueue.Peek(ChainBurst, int, ChainDirection)"/> returned no more chains than it did.</summary>
public enum PeekEnd
{
    /// <summary>As many as were asked for.</summary>
    Wanted,

    /// <summary>The guest has made no more available.</summary>
    RingEmpty,

    /// <summary>
    /// The burst's segment array can't take another chain, or as many descriptors were walked as a burst may have (<see cref="ChainBurst.SegmentsMax"/>; those
    /// of malformed chains and empty buffers count): completing some of the chains makes room, and the rest is peeked next.
    /// </summary>
    BurstFull,

    /// <summary>The next chain's address is not in the IOTLB; the front end was asked, and the device is told when the answer came.</summary>
    IotlbMiss,

    /// <summary>The next chain broke the ring.</summary>
    Broken,
}
