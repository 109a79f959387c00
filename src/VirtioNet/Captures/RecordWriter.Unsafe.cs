using System.Runtime.CompilerServices;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Captures;

/// <summary>Writes records that a burst holds, one segment each, to a file or a pipe, one behind the other. A record is written whole or not at all.</summary>
internal static unsafe class RecordWriter
{
    /// <summary>PIPE_BUF: a pipe takes so many bytes as a whole or not at all (pipe(7)).</summary>
    public const int PipeAtomMax = 4096;

    /// <summary>Writes records to a file, all of them unless something fails; then what was written of a record is cut off again.</summary>
    /// <param name="fd">The file, at its end.</param>
    /// <param name="burst">Where the records are.</param>
    /// <param name="count">How many of them, from the first.</param>
    /// <param name="bytes">Bytes of the records written.</param>
    /// <param name="error">0, or why not all were.</param>
    /// <returns>Records written.</returns>
    // SAFETY: the array has an entry for every frame of a burst; the segments are those of the burst, which the caller has filled from memory of its own.
    [SkipLocalsInit]
    public static int WriteFile(int fd, FrameBurst burst, int count, out long bytes, out int error)
    {
        iovec* pieces = stackalloc iovec[FrameBurst.FramesMax];
        Gather(burst, 0, count, pieces);
        bytes = 0;
        error = 0;
        int done = 0;
        while (done < count)
        {
            nint n = writev(fd, pieces + done, count - done);
            if (n < 0)
            {
                error = errno;
                if (error == EINTR)
                {
                    continue;
                }

                nint partial = (nint)(burst[done].Length - pieces[done].iov_len);
                if (partial > 0)
                {
                    long end = lseek(fd, -partial, SEEK_CUR);
                    _ = end >= 0 ? ftruncate(fd, end) : 0;
                }

                return done;
            }

            for (nuint left = (nuint)n; left > 0;)
            {
                nuint part = Math.Min(left, pieces[done].iov_len);
                pieces[done].iov_base = (byte*)pieces[done].iov_base + part;
                pieces[done].iov_len -= part;
                left -= part;
                if (pieces[done].iov_len == 0)
                {
                    bytes += burst[done++].Length;
                }
            }
        }

        error = 0;
        return done;
    }

    /// <summary>Writes as many records to a pipe as it has room for by one call.</summary>
    /// <param name="fd">The pipe, non-blocking; nobody else writes to it.</param>
    /// <param name="burst">Where the records are.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="bytes">Bytes written.</param>
    /// <param name="error">0; EAGAIN when there is no room for the first record; EMSGSIZE when there never will be; otherwise why nothing can be
    /// written.</param>
    /// <returns>Records written.</returns>
    // SAFETY: as above.
    [SkipLocalsInit]
    public static int WritePipe(int fd, FrameBurst burst, int first, int count, out long bytes, out int error)
    {
        iovec* pieces = stackalloc iovec[FrameBurst.FramesMax];
        bytes = 0;
        error = 0;
        long room = PipeRoom(fd, out long roomMax);
        int fit = 0;
        while (fit < count && bytes + burst[first + fit].Length <= room)
        {
            bytes += burst[first + fit++].Length;
        }

        if (fit == 0)
        {
            long length = burst[first].Length;
            if (length > PipeAtomMax)
            {
                bytes = 0;
                error = length > roomMax ? EMSGSIZE : EAGAIN;
                return 0;
            }

            // The estimate is careful; that a record of this size fits, or does not, the kernel itself knows.
            bytes = length;
            fit = 1;
        }

        Gather(burst, first, fit, pieces);
        nint n;
        do
        {
            n = writev(fd, pieces, fit);
        }
        while (n < 0 && errno == EINTR);
        if (n == bytes)
        {
            return fit;
        }

        // Part of a record in the pipe can't be: should it be all the same, nothing that follows could be read.
        error = n < 0 ? errno : EIO;
        bytes = 0;
        return 0;
    }

    /// <summary>Waits, a tenth of a second at most, until a pipe may take more.</summary>
    /// <param name="fd">The pipe.</param>
    /// <param name="length">Bytes of the record that waits.</param>
    /// <returns>False when nobody reads the pipe any more.</returns>
    public static bool AwaitRoom(int fd, long length)
    {
        // One free page makes a pipe writable, which is not enough for a long record; that one looks again a little later.
        bool isShort = length <= PipeAtomMax;
        var wanted = new pollfd { fd = fd, events = isShort ? POLLOUT : (short)0 };
        return poll(new Span<pollfd>(ref wanted), isShort ? 100 : 10) < 0 || (wanted.revents & POLLERR) == 0;
    }

    /// <summary>Bytes that a pipe takes as a whole for certain: now, and when it is empty.</summary>
    private static long PipeRoom(int fd, out long roomMax)
    {
        // A pipe keeps pages, not bytes (fs/pipe.c). What does not fit into the rest of the last page begins a new one, so that two neighbours hold more than
        // one page together, and the first may be read in part.
        const int page = PipeAtomMax;
        int capacity = fcntl(fd, F_GETPIPE_SZ);
        int used = 0;
        if (capacity < 0 || ioctl(fd, FIONREAD, ref used) < 0)
        {
            roomMax = page;
            return 0;
        }

        roomMax = capacity - page;
        long pages = used == 0 ? 0 : (2L * ((used + page - 1) / page)) + 1;
        return Math.Max(0, capacity - ((pages + 1) * page));
    }

    // SAFETY: as above.
    private static void Gather(FrameBurst burst, int first, int count, iovec* pieces)
    {
        for (int i = 0; i < count; i++)
        {
            pieces[i].iov_base = (void*)burst[first + i].Address;
            pieces[i].iov_len = burst[first + i].Length;
        }
    }
}
