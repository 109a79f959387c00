using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Reads frames of a tap queue straight into a guest's receive buffers: one readv a frame.</summary>
/// <param name="fd">The queue's descriptor, with a 12-byte virtio_net_hdr before each frame.</param>
/// <param name="frameSizeMax">Longest frame that may come.</param>
/// <param name="buffers">Takes frames that the guest can't have as they were read; empty.</param>
internal struct TapReader(int fd, int frameSizeMax, TapBuffers buffers) : IFrameReader
{
    /// <summary>Bytes read so far into the guest's buffers, without the headers and what was set aside.</summary>
    public long Bytes { get; private set; }

    /// <summary>Frames that were longer than any that a port carries.</summary>
    public int TooLong { get; private set; }

    /// <summary>Why the source failed; 0 while it did not.</summary>
    public int Error { get; private set; }

    /// <inheritdoc/>
    public readonly int FrameSizeMax => frameSizeMax;

    /// <inheritdoc/>
    // SAFETY: the receive queue hands over an array of count segments in the layout of struct iovec, all of which it checked against guest memory.
    public unsafe int Read(nint segments, int count)
    {
        nint n;
        do
        {
            n = readv(fd, (iovec*)segments, count);
        }
        while (n < 0 && errno == EINTR);

        if (n >= 0)
        {
            Bytes += Math.Max(0, n - VirtioNetHeader.Size);
            return (int)n;
        }

        if (errno == EAGAIN)
        {
            return 0;
        }

        Error = errno;
        return -1;
    }

    /// <inheritdoc/>
    public readonly GuestSegment Overflow(uint offset) => buffers.Overflow(offset);

    /// <inheritdoc/>
    public void SetAside(in VirtioNetHeader header, nint segments, int count, uint length)
    {
        Bytes -= length;
        TooLong += buffers.SetAside(header, segments, count, length) ? 0 : 1;
    }
}
