using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Buffers that are filled from a tap queue, for networks that look at a frame before they know its receiver.</summary>
internal sealed unsafe class TapBuffers : ReceiveBuffers
{
    /// <summary>Fills the empty buffers.</summary>
    /// <param name="fd">The tap queue.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 12 or 0.</param>
    /// <param name="error">What stopped the reading: EAGAIN when nothing is left, 0 when the buffers are full.</param>
    // SAFETY: the header goes into the room before the frame, and the length read is bounded by the buffer's.
    public void Fill(int fd, int headerSize, out int error)
    {
        Begin();
        error = 0;
        for (int reads = 0; !IsFull && reads < 2 * Count; reads++)
        {
            byte* frame = FrameAddress(NextSlot);
            nint n = read(fd, frame - headerSize, (nuint)(FrameMax + headerSize));
            if (n > headerSize)
            {
                VirtioNetHeader header = headerSize == 0 ? default : *(VirtioNetHeader*)(frame - headerSize);
                Accept(NextSlot, header, 0, (int)n - headerSize);
            }
            else if (n < 0 && errno != EINTR)
            {
                error = errno;
                return;
            }
        }
    }
}
