using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>Reads frames from the operating system straight into a guest's receive buffers; a struct, so that the call costs nothing.</summary>
public interface IFrameReader
{
    /// <summary>
    /// Reads one frame with its 12-byte virtio_net_hdr into the segments, whose array is laid out as struct iovec; the first segment takes the header.
    /// </summary>
    /// <param name="segments">Address of the first <see cref="GuestSegment"/>.</param>
    /// <param name="count">Number of segments.</param>
    /// <returns>Bytes read, header and overflow included; 0 when nothing is there to be read now; negative when the source failed.</returns>
    int Read(nint segments, int count);

    /// <summary>
    /// Longest frame that the source is expected to produce, in bytes without virtio_net_hdr; a hint, as what was queued under other settings may be longer.
    /// </summary>
    int FrameSizeMax { get; }

    /// <summary>
    /// Where the kernel puts what a frame has beyond the guest's buffers: the last segment of each read, at least one byte, so that no frame is ever cut off
    /// unnoticed.
    /// </summary>
    /// <param name="offset">Bytes of the frame that the guest's buffers hold.</param>
    GuestSegment Overflow(uint offset);

    /// <summary>
    /// Takes over the frame that was read last, as the guest can't have it in the form in which it lies there; the guest's part is copied in front of what
    /// overflowed. Under the ring's lock.
    /// </summary>
    /// <param name="header">The frame's header.</param>
    /// <param name="segments">Address of the first segment of the frame, the header's left out.</param>
    /// <param name="count">Number of segments, that of the overflow left out.</param>
    /// <param name="length">Bytes of the frame.</param>
    void SetAside(in VirtioNetHeader header, nint segments, int count, uint length);
}
