namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Which way a queue's buffers go, seen from the device.</summary>
public enum ChainDirection
{
    /// <summary>The device reads them (a net device's transmit queue).</summary>
    Readable,

    /// <summary>The device writes them (a net device's receive queue).</summary>
    Writable,
}
