using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// One descriptor chain of a burst, its descriptors read once, checked and translated (virtio 1.3 sections 2.7.7 and 2.8.6). A chain of one segment, the
/// common case, is held here whole; a longer one lies in the burst's segment array. A chain with <see cref="SegmentCount"/> 0 was malformed: the
/// consumer skips it and it goes back to the guest with length 0.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct Chain
{
    /// <summary>Address of the first segment.</summary>
    public nint Address;

    /// <summary>Length of the first segment in bytes.</summary>
    public uint Length;

    /// <summary>Length of all segments together in bytes.</summary>
    public uint TotalLength;

    /// <summary>Index of the first segment in <see cref="ChainBurst.Segment"/>; meaningful when there is more than one.</summary>
    public int SegmentStart;

    /// <summary>Number of segments; 0 marks a malformed chain.</summary>
    public int SegmentCount;

    /// <summary>
    /// Bytes that the device wrote into the chain, from the first byte that it may write on; 0 after a peek. What lies behind them counts as untouched, also
    /// for a migration's dirty log: a device that wrote something further back says the whole length.
    /// </summary>
    public uint Written;

    /// <summary>
    /// After a peek for <see cref="ChainDirection.Mixed"/>: segments, from the first, that the device reads; it writes the others. Undefined otherwise.
    /// </summary>
    public int ReadableCount;

    /// <summary>True when the chain was malformed and carries no data.</summary>
    public readonly bool IsMalformed => SegmentCount == 0;
}
