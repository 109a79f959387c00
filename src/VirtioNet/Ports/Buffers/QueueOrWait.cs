using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// How a port that queues frames for its outside takes them: a sender that can wait keeps those for which there is no room, another loses them.
/// </summary>
internal static class QueueOrWait
{
    /// <summary>Queues frames, and counts them at the port. Under the queue's lock.</summary>
    /// <typeparam name="TQueue">The kind of queue.</typeparam>
    /// <param name="port">The port.</param>
    /// <param name="queue">Its queue.</param>
    /// <param name="waiters">Senders that wait for room in it.</param>
    /// <param name="burst">The frames.</param>
    /// <param name="frames">Indices into the burst.</param>
    /// <param name="waiter">The sender, or null when it can't wait.</param>
    /// <param name="isOut">The outside is not there: all are dropped.</param>
    /// <returns>How many of <paramref name="frames"/> are done with.</returns>
    public static int Deliver<TQueue>(
        Port port, TQueue queue, SharedWaiters waiters, FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter, bool isOut = false)
        where TQueue : struct, IFrameQueue
    {
        ref FrameCounters counters = ref port.EgressCounters;
        int done = 0;
        bool waits = false;
        while (done < frames.Length)
        {
            int frame = frames[done];
            uint length = burst[frame].TotalLength;
            if (burst[frame].IsMalformed)
            {
                done++;
                continue;
            }

            if (isOut)
            {
                counters.Drop(DropReason.NotRunning);
            }
            else if (length > TQueue.FrameMax)
            {
                counters.Drop(DropReason.TooLong);
            }
            else if (queue.TryQueue(burst, frame))
            {
                counters.Frames++;
                counters.Bytes += length;
            }
            else if (waiter is null)
            {
                counters.Drop(DropReason.NoBuffers);
            }
            else if (waits)
            {
                break;
            }
            else
            {
                // Registered first, then one more look: room made in between is seen by one side or the other.
                waiters.Add(waiter);
                waits = true;
                continue;
            }

            done++;
        }

        return done;
    }
}
