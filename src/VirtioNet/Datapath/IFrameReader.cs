using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Datapath;

/// <summary>Reads frames from the operating system straight into a guest's receive buffers; a struct, so that the call costs nothing.</summary>
public interface IFrameReader
{
    /// <summary>
    /// Reads one frame with its 12-byte virtio_net_hdr into the segments, whose array is laid out as struct iovec; the first segment takes the header.
    /// </summary>
    /// <param name="segments">Address of the first <see cref="GuestSegment"/>.</param>
    /// <param name="count">Number of segments.</param>
    /// <returns>Bytes read, header included; 0 when nothing is there to be read now; negative when the source failed.</returns>
    int Read(nint segments, int count);

    /// <summary>Longest frame that the source may produce, in bytes without virtio_net_hdr.</summary>
    int FrameSizeMax { get; }
}
