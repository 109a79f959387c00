namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Why a <see cref="Virtqueue.Peek"/> returned no more chains than it did.</summary>
public enum PeekEnd
{
    /// <summary>As many as were asked for.</summary>
    Wanted,

    /// <summary>The guest has made no more available.</summary>
    RingEmpty,

    /// <summary>The burst's segment array can't take another chain: completing some of them makes room.</summary>
    BurstFull,

    /// <summary>The next chain's address is not in the IOTLB; the front end was asked, and the device is told when the answer came.</summary>
    IotlbMiss,

    /// <summary>The next chain broke the ring.</summary>
    Broken,
}
