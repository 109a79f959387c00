namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Which way a queue's buffers go, seen from the device.</summary>
public enum ChainDirection
{
    /// <summary>The device reads them (a net device's transmit queue).</summary>
    Readable,

    /// <summary>The device writes them (a net device's receive queue).</summary>
    Writable,

    /// <summary>
    /// Both: a request in buffers that the device reads, then room for an answer in buffers that it writes (virtio 1.3 section 2.7.4.2), as block, file system
    /// and control queues have them. <see cref="Chain.ReadableCount"/> says where the second part begins; either may be missing.
    /// </summary>
    Mixed,
}
