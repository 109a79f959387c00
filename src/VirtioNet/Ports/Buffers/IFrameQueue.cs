using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>Where a port queues frames for its outside; a struct, so that the call costs nothing.</summary>
internal interface IFrameQueue
{
    /// <summary>Longest frame that is taken, in bytes.</summary>
    static abstract uint FrameMax { get; }

    /// <summary>Copies a frame into the queue; false when it has no room.</summary>
    bool TryQueue(FrameBurst burst, int frame);
}
