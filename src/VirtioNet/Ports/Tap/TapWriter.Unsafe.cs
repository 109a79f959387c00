using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Writes one frame of a burst to a descriptor, straight from where it lies: one writev. Any thread, several at once.</summary>
internal static unsafe class TapWriter
{
    /// <summary>Pieces that writev takes, the header's among them.</summary>
    private const int PiecesMax = 1024;

    /// <summary>Writes a frame.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="burst">Where the frame is.</param>
    /// <param name="index">Which frame; it is not malformed.</param>
    /// <param name="withHeader">Whether the 12-byte header goes first.</param>
    /// <returns>0, or the error number.</returns>
    // SAFETY: the header is the burst's own copy and the segments were checked when the burst was filled; both are valid while the caller has the burst. The
    // array holds PiecesMax entries, which the segment count is checked against.
    [SkipLocalsInit]
    public static int Write(int fd, FrameBurst burst, int index, bool withHeader)
    {
        ref Chain chain = ref burst[index];
        if (chain.SegmentCount > PiecesMax - 1)
        {
            return EMSGSIZE;
        }

        if (chain.SegmentCount > 1)
        {
            return WriteLong(fd, burst, index, withHeader);
        }

        iovec* pieces = stackalloc iovec[2];
        pieces[0].iov_base = burst.Headers + index;
        pieces[0].iov_len = VirtioNetHeader.Size;
        pieces[1].iov_base = (void*)chain.Address;
        pieces[1].iov_len = chain.Length;
        return withHeader ? Call(fd, pieces, 2) : Call(fd, pieces + 1, 1);
    }

    // SAFETY: as above.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int WriteLong(int fd, FrameBurst burst, int index, bool withHeader)
    {
        ref Chain chain = ref burst[index];
        iovec* pieces = stackalloc iovec[PiecesMax];
        int count = 0;
        if (withHeader)
        {
            pieces[count].iov_base = burst.Headers + index;
            pieces[count++].iov_len = VirtioNetHeader.Size;
        }

        for (int i = 0; i < chain.SegmentCount; i++)
        {
            ref GuestSegment segment = ref burst.Chains.Segment(chain.SegmentStart + i);
            pieces[count].iov_base = (void*)segment.Address;
            pieces[count++].iov_len = segment.Length;
        }

        return Call(fd, pieces, count);
    }

    // SAFETY: count entries of pieces are filled.
    private static int Call(int fd, iovec* pieces, int count)
    {
        while (writev(fd, pieces, count) < 0)
        {
            if (errno != EINTR)
            {
                return errno;
            }
        }

        return 0;
    }
}
