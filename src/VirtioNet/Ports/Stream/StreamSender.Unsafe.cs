using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Stream;

/// <summary>
/// Frames on their way into a byte stream, each behind its length. Any thread queues them; the port's thread writes them, many by one system call, and goes on
/// in the middle of a frame when the socket took only a part.
/// </summary>
internal sealed unsafe class StreamSender : IDisposable
{
    private const int PiecesMax = 64;

    private readonly FrameRing _ring = new(1 << 20);
    private readonly FrameBurst _burst = new();
    private int _offset;

    /// <summary>The queue's lock, to be held for <see cref="TryQueue"/>.</summary>
    public RingLock Lock => _ring.Lock;

    /// <summary>True when nothing is queued.</summary>
    public bool IsEmpty => _ring.IsEmpty;

    /// <summary>Queues a frame. Needs the lock.</summary>
    public bool TryQueue(FrameBurst burst, int index)
    {
        int length = (int)burst[index].TotalLength;
        if (!_ring.TryReserve(length + StreamReceiver.PrefixSize, out Span<byte> room))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32BigEndian(room, (uint)length);
        burst.CopyTo(index, 0, room[StreamReceiver.PrefixSize..]);
        _ring.Commit(default, room.Length);
        return true;
    }

    /// <summary>Throws away what is queued. Port's thread.</summary>
    /// <returns>How many frames that were.</returns>
    public int Clear()
    {
        int dropped = 0;
        for (int count = _ring.Peek(_burst, FrameBurst.FramesMax); count > 0; count = _ring.Peek(_burst, FrameBurst.FramesMax))
        {
            _ring.Release(count);
            dropped += count;
        }

        _offset = 0;
        return dropped;
    }

    /// <summary>
    /// Writes what is queued as far as the socket takes it and the turn allows: a peer that reads as fast as senders queue would hold the thread for ever.
    /// </summary>
    /// <param name="fd">The socket.</param>
    /// <param name="budget">The turn's; each call and its bytes are taken from it.</param>
    /// <param name="released">Frames whose room is free again.</param>
    /// <returns>0 when all was written or the budget is spent, otherwise the error number.</returns>
    // SAFETY: the pieces are frames of the ring, which stay until they are released below.
    [SkipLocalsInit]
    public int Write(int fd, ref TurnBudget budget, out int released)
    {
        iovec* pieces = stackalloc iovec[PiecesMax];
        released = 0;
        while (!budget.IsSpent)
        {
            int count = _ring.Peek(_burst, PiecesMax);
            if (count == 0)
            {
                return 0;
            }

            for (int i = 0; i < count; i++)
            {
                int skip = i == 0 ? _offset : 0;
                pieces[i].iov_base = (byte*)_burst[i].Address + skip;
                pieces[i].iov_len = _burst[i].Length - (nuint)skip;
            }

            msghdr message = new() { msg_iov = pieces, msg_iovlen = (nuint)count };
            nint n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0)
            {
                if (errno == EINTR)
                {
                    continue;
                }

                return errno;
            }

            budget.TakeCalls(1, n);
            released += Advance(n);
        }

        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring.Dispose();
        _burst.Dispose();
    }

    private int Advance(nint written)
    {
        int whole = 0;
        long left = written + _offset;
        while (whole < _burst.Count && left >= _burst[whole].Length)
        {
            left -= _burst[whole++].Length;
        }

        _offset = (int)left;
        _ring.Release(whole);
        return whole;
    }
}
