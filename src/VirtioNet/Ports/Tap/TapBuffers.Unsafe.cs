using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Buffers that are filled from a tap queue, for networks that look at a frame before they know its receiver.</summary>
internal sealed unsafe class TapBuffers : ReceiveBuffers
{
    /// <summary>Fills the empty buffers.</summary>
    /// <param name="fd">The tap queue.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 12 or 0.</param>
    /// <param name="counters">Counts frames that are too long for the buffers.</param>
    /// <param name="error">What stopped the reading: EAGAIN when nothing is left, 0 when the buffers are full.</param>
    // SAFETY: the header goes into the room before the frame, and the length read is bounded by the buffer's, which has a byte more than a frame may have.
    public void Fill(int fd, int headerSize, ref FrameCounters counters, out int error)
    {
        Begin();
        error = 0;
        for (int reads = 0; !IsFull && reads < 2 * Slots; reads++)
        {
            byte* frame = FrameAddress(NextSlot);
            nint n = read(fd, frame - headerSize, (nuint)(FrameMax + 1 + headerSize));
            if (n - headerSize > FrameMax)
            {
                counters.Drop(DropReason.TooLong);
            }
            else if (n > headerSize)
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

    /// <summary>
    /// Where the rest of a frame goes whose first <paramref name="offset"/> bytes lie elsewhere: behind their place in the first buffer, so that it is whole
    /// when they are copied there.
    /// </summary>
    // SAFETY: the segment ends where the buffer's room does, FrameMax and one byte, and is one byte long at least.
    public GuestSegment Overflow(uint offset)
    {
        uint at = Math.Min(offset, (uint)FrameMax);
        return new GuestSegment((nint)(FrameAddress(0) + at), FrameMax + 1 - at);
    }

    /// <summary>Takes over a frame that was read into these segments and, beyond them, to <see cref="Overflow"/>. The buffers must be empty.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="segments">Address of its first segment.</param>
    /// <param name="count">Number of segments, the overflow's left out.</param>
    /// <param name="length">Bytes of the frame; one that is longer than <see cref="ReceiveBuffers.FrameMax"/> is counted and forgotten.</param>
    /// <returns>False when the frame is too long for the buffers.</returns>
    // SAFETY: the segments were just read to and are copied as far as the frame reaches, which is within the first buffer.
    public bool SetAside(in VirtioNetHeader header, nint segments, int count, uint length)
    {
        Begin();
        if (length > FrameMax)
        {
            return false;
        }

        byte* frame = FrameAddress(0);
        uint at = 0;
        for (int i = 0; i < count && at < length; i++)
        {
            GuestSegment segment = ((GuestSegment*)segments)[i];
            uint piece = Math.Min(segment.Length, length - at);
            Buffer.MemoryCopy((void*)segment.Address, frame + at, FrameMax - at, piece);
            at += piece;
        }

        Accept(0, header, 0, (int)length);
        return true;
    }
}
