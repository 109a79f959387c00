using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>Writes frames of a burst as one message each, straight from where they lie, many by one sendmmsg. Any thread, several at once.</summary>
internal static unsafe class MessageWriter
{
    private const int MessagesMax = 64;
    private const int PiecesMax = 512;

    /// <summary>Writes frames until one can't be written.</summary>
    /// <param name="fd">A connected or bound socket.</param>
    /// <param name="burst">Where the frames are.</param>
    /// <param name="frames">Which frames.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 10, or 0 for none.</param>
    /// <param name="written">Counts the frames that were written.</param>
    /// <param name="bytes">Counts their bytes.</param>
    /// <param name="error">Why the next frame was not written; 0 when all are done with.</param>
    /// <returns>How many, from the first, are done with; malformed ones are skipped.</returns>
    // SAFETY: headers are the burst's own copies, segments were checked when the burst was filled; both are valid while the caller has the burst. The arrays
    // are bounded by MessagesMax and PiecesMax, which Gather keeps to.
    [SkipLocalsInit]
    public static int Write(int fd, FrameBurst burst, ReadOnlySpan<ushort> frames, int headerSize, ref long written, ref long bytes, out int error)
    {
        mmsghdr* messages = stackalloc mmsghdr[MessagesMax];
        iovec* pieces = stackalloc iovec[PiecesMax];
        error = 0;
        int done = 0;
        while (done < frames.Length)
        {
            int count = Gather(burst, frames[done..], headerSize, messages, pieces);
            if (count == 0)
            {
                if (burst[frames[done]].IsMalformed)
                {
                    done++;
                    continue;
                }

                error = EMSGSIZE;
                return done;
            }

            int sent = sendmmsg(fd, messages, (uint)count, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent <= 0)
            {
                error = errno;
                if (error == EINTR)
                {
                    error = 0;
                    continue;
                }

                return done;
            }

            written += sent;
            for (int i = 0; i < sent; i++)
            {
                bytes += burst[frames[done + i]].TotalLength;
            }

            done += sent;
        }

        return done;
    }

    /// <summary>Describes as many frames as fit, up to the first malformed one; 0 when the first is malformed or has too many pieces.</summary>
    // SAFETY: as above.
    private static int Gather(FrameBurst burst, ReadOnlySpan<ushort> frames, int headerSize, mmsghdr* messages, iovec* pieces)
    {
        int used = 0;
        int count = 0;
        for (; count < frames.Length && count < MessagesMax; count++)
        {
            ref Chain chain = ref burst[frames[count]];
            if (chain.IsMalformed || chain.SegmentCount + 1 > PiecesMax - used)
            {
                break;
            }

            int first = used;
            if (headerSize > 0)
            {
                pieces[used].iov_base = burst.Headers + frames[count];
                pieces[used++].iov_len = (nuint)headerSize;
            }

            for (int i = 0; i < chain.SegmentCount; i++)
            {
                GuestSegment segment = burst.Chains.SegmentOf(in chain, i);
                pieces[used].iov_base = (void*)segment.Address;
                pieces[used++].iov_len = segment.Length;
            }

            messages[count] = default;
            messages[count].msg_hdr.msg_iov = pieces + first;
            messages[count].msg_hdr.msg_iovlen = (nuint)(used - first);
        }

        return count;
    }
}
