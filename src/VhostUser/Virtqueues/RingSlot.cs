using System.Runtime.CompilerServices;
using VhostNet.Aio;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Where a device keeps a ring while it works on it, and the one way to reach it: <see cref="TryLock"/> gives the ring only while it is here and locked. Who
/// read the reference and then waited for the lock looks again, because the ring may have been taken away, and freed, meanwhile.
/// </summary>
/// <remarks>A field of the device's own object: never read-only, never copied. A ring is in one slot at a time.</remarks>
public struct RingSlot
{
    private Virtqueue? _queue;

    /// <summary>Whether no ring is here. Any thread; by the time it is known it may have changed.</summary>
    public readonly bool IsEmpty => Volatile.Read(in _queue) is null;

    /// <summary>What may be read of the ring without its lock, or null. Any thread.</summary>
    public readonly RingView? View => Volatile.Read(in _queue)?.View;

    /// <summary>Locks the ring, waiting for whoever holds it (one turn at most). Data threads.</summary>
    /// <param name="ring">The ring; to be disposed of.</param>
    /// <returns>False when no ring is here.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryLock(out LockedRing ring)
    {
        if (Volatile.Read(in _queue) is { } queue)
        {
            queue.Lock.Enter();
            if (ReferenceEquals(queue, _queue))
            {
                ring = new LockedRing(queue);
                return true;
            }

            queue.Lock.Exit();
        }

        ring = default;
        return false;
    }

    /// <summary>Locks the ring if nobody holds it, for a look that can be had again a moment later.</summary>
    /// <param name="ring">The ring; to be disposed of.</param>
    /// <returns>False when no ring is here or somebody works on it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryLockNow(out LockedRing ring)
    {
        if (Volatile.Read(in _queue) is { } queue && queue.Lock.TryEnter())
        {
            if (ReferenceEquals(queue, _queue))
            {
                ring = new LockedRing(queue);
                return true;
            }

            queue.Lock.Exit();
        }

        ring = default;
        return false;
    }

    /// <summary>
    /// Shows a ring to all threads, with the guest's notifications off: who needs one asks for it. Nothing that can fail may come after it.
    /// </summary>
    /// <param name="queue">The ring.</param>
    /// <param name="thread">The thread that works on it and is asked when its lock is not to be had.</param>
    /// <exception cref="InvalidOperationException">There is a ring already.</exception>
    public void Put(Virtqueue queue, IoThread thread)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(thread);
        ThrowIfTaken();
        queue.Lock.Enter();
        queue.Thread = thread;
        queue.DisableNotifications();
        Volatile.Write(ref _queue, queue);
        queue.Lock.Exit();
    }

    /// <summary>Takes the ring away, under its lock: when that is given back nobody reaches it any more.</summary>
    public void Clear(in LockedRing ring)
    {
        if (!ReferenceEquals(ring.Queue, _queue))
        {
            throw new InvalidOperationException("The locked ring is not the one in this slot.");
        }

        ring.Queue.Thread = null;
        Volatile.Write(ref _queue, null);
    }

    /// <summary>The first step of a start.</summary>
    /// <exception cref="InvalidOperationException">There is a ring already.</exception>
    public readonly void ThrowIfTaken()
    {
        if (_queue is { } queue)
        {
            throw new InvalidOperationException($"Ring {queue.Index} is worked on already; stop it first.");
        }
    }
}
