using VhostNet.Aio.BottomHalves;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// What takes bursts of frames: a port, for whoever has made frames for it and needs to know no more of it. One call takes a burst, not a frame.
/// </summary>
public interface IFrameSink
{
    /// <summary>
    /// Takes all of <paramref name="frames"/>, or a prefix when no more can be taken now and <paramref name="waiter"/> is given. What is taken is either sent
    /// or dropped and counted. Any data thread.
    /// </summary>
    /// <param name="burst">The frames; valid until this returns.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="queue">The sender's queue number, a hint that keeps a flow on one queue.</param>
    /// <param name="waiter">Scheduled once when frames can be taken again, if a prefix only was taken; null when the sender can't wait, and the rest is
    /// dropped.</param>
    /// <returns>How many of <paramref name="frames"/> were taken.</returns>
    int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter);
}
