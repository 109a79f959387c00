using System.Runtime.CompilerServices;
using VhostNet.VirtioNet.Datapath;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>Writes what a burst holds to a file, one behind the other.</summary>
internal static unsafe class RecordWriter
{
    /// <summary>Writes the first <paramref name="count"/> frames, which have one segment each.</summary>
    /// <param name="fd">The file, or a pipe that does not block.</param>
    /// <param name="burst">Where the records are.</param>
    /// <param name="count">How many of them.</param>
    /// <param name="goesOn">Asked ten times a second while a pipe is full, and told whether it took anything since: whether to wait on.</param>
    /// <param name="bytes">Bytes written.</param>
    /// <returns>0, or the error number.</returns>
    // SAFETY: the array has an entry for every frame of a burst; the segments are those of the burst, which the caller has filled from memory of its own.
    [SkipLocalsInit]
    public static int Write(int fd, FrameBurst burst, int count, Func<bool, bool> goesOn, out long bytes)
    {
        iovec* pieces = stackalloc iovec[FrameBurst.FramesMax];
        for (int i = 0; i < count; i++)
        {
            pieces[i].iov_base = (void*)burst[i].Address;
            pieces[i].iov_len = burst[i].Length;
        }

        bytes = 0;
        long told = 0;
        int first = 0;
        while (first < count)
        {
            nint n = writev(fd, pieces + first, count - first);
            if (n < 0)
            {
                int error = errno;
                if (error == EINTR)
                {
                    continue;
                }

                if (error == EAGAIN && AwaitRoom(fd) && goesOn(bytes != told))
                {
                    told = bytes;
                    continue;
                }

                return error;
            }

            bytes += n;
            for (nuint left = (nuint)n; left > 0;)
            {
                nuint part = Math.Min(left, pieces[first].iov_len);
                pieces[first].iov_base = (byte*)pieces[first].iov_base + part;
                pieces[first].iov_len -= part;
                left -= part;
                first += pieces[first].iov_len == 0 ? 1 : 0;
            }
        }

        return 0;
    }

    private static bool AwaitRoom(int fd)
    {
        var wanted = new pollfd { fd = fd, events = POLLOUT };
        return poll(new Span<pollfd>(ref wanted), 100) >= 0;
    }
}
