using VhostNet.VirtioNet.Datapath;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Reads frames of a tap queue straight into a guest's receive buffers: one readv a frame.</summary>
/// <param name="fd">The queue's descriptor, with a 12-byte virtio_net_hdr before each frame.</param>
/// <param name="frameSizeMax">Longest frame that may come.</param>
internal struct TapReader(int fd, int frameSizeMax) : IFrameReader
{
    /// <summary>Bytes read so far, without the headers.</summary>
    public long Bytes { get; private set; }

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
}
