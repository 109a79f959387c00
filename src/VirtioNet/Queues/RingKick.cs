using System.Runtime.CompilerServices;
using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// The ring that a queue works on, while there is one, and the watch for the guest's kicks: begun and ended together, on the queue's thread. A start is whole
/// or leaves nothing; after a stop no thread uses the ring.
/// </summary>
/// <param name="owner">The queue.</param>
/// <param name="thread">The thread that works on the queue.</param>
/// <param name="calls">What the watch calls.</param>
internal sealed class RingKick(object owner, IoThread thread, KickCalls calls)
{
    private RingSlot _slot;
    private KickWatch? _watch;
    private volatile bool _disposed;

    /// <summary>What the watch calls, for tests too.</summary>
    public KickCalls Calls => calls;

    /// <summary>Test-only: called before each step of a start that can fail, with its number.</summary>
    public Action<int>? StepOfStart { get; set; }

    /// <summary>What anybody may read of the ring while it runs, or null.</summary>
    public RingView? View => _slot.View;

    /// <summary>Whether there is no ring. Any thread; by the time it is known it may have changed.</summary>
    public bool IsEmpty => _slot.IsEmpty;

    /// <summary>Starts working on a ring, and looks for its kicks. Control thread.</summary>
    /// <param name="queue">The ring.</param>
    /// <param name="begin">Called on the queue's thread when nothing can fail any more, before any other thread sees the ring.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kick's can't be waited on; nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run, or the queue has a ring; nothing has changed.</exception>
    public void Start(Virtqueue queue, Action begin)
    {
        ArgumentNullException.ThrowIfNull(queue);
        thread.Run(() =>
        {
            ObjectDisposedException.ThrowIf(_disposed, owner);
            _slot.ThrowIfTaken();
            _watch = new KickWatch(thread, queue.Kick, calls, StepOfStart);
            begin();
            _slot.Put(queue, thread);
        });
    }

    /// <summary>Stops working on the ring; when this returns no thread uses it. Control thread, which leaves it to the queue's own.</summary>
    /// <param name="cleared">Called there, under the ring's lock, once nobody can reach the ring any more.</param>
    public void Stop(Action? cleared = null)
    {
        if (_slot.IsEmpty)
        {
            return;
        }

        RingThread.RunOnOrHere(thread, () =>
        {
            try
            {
                _watch?.Close();
            }
            finally
            {
                _watch = null;
                if (_slot.TryLock(out LockedRing ring))
                {
                    _slot.Clear(ring);
                    cleared?.Invoke();
                    ring.Dispose();
                }
            }
        });
    }

    /// <summary>Stops, and starts no more.</summary>
    /// <param name="cleared">As in <see cref="Stop"/>.</param>
    public void Close(Action? cleared = null)
    {
        _disposed = true;
        Stop(cleared);
    }

    /// <summary>Locks the ring; false when there is none. See <see cref="RingSlot.TryLock"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLock(out LockedRing ring) => _slot.TryLock(out ring);

    /// <summary>Locks the ring if nobody holds it; false when there is none too. See <see cref="RingSlot.TryLockNow"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLockNow(out LockedRing ring) => _slot.TryLockNow(out ring);

    /// <summary>Takes a kick, on the queue's thread: counts it and turns further ones off. False, and no ring is locked, when there is none any more.</summary>
    public bool TryTakeKick(out LockedRing ring)
    {
        _watch?.TestAndClear();
        if (!_slot.TryLock(out ring))
        {
            return false;
        }

        ring.Queue.Counters.Kicks++;
        ring.Queue.DisableNotifications();
        return true;
    }
}
