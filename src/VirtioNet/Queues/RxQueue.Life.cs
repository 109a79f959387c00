using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <content>The queue's start and end, its lock, and what its own thread does for senders that wait.</content>
public sealed partial class RxQueue
{
    /// <summary>Test-only: called before each step of a start that can fail, with its number.</summary>
    internal Action<int>? StepOfStart
    {
        get => _ring.StepOfStart;
        set => _ring.StepOfStart = value;
    }

    /// <summary>Starts working with a ring: as a whole, or not at all. Control thread.</summary>
    /// <param name="queue">The ring.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr that the guest expects: 12, or 10 for a legacy guest without mergeable buffers.</param>
    /// <param name="mergeable">VIRTIO_NET_F_MRG_RXBUF was negotiated.</param>
    /// <param name="takes">What the guest takes unfinished; without <see cref="Offloads.Checksum"/> (VIRTIO_NET_F_GUEST_CSUM) <see cref="Deliver"/> finishes
    /// checksums while it copies.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kick's can't be waited on; nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run, or the queue has a ring; nothing has changed.</exception>
    public void Start(Virtqueue queue, int headerSize, bool mergeable, Offloads takes)
    {
        ArgumentNullException.ThrowIfNull(queue);
        bool demotes = _mayDemote && (queue.Layout.Features & VirtioFeatures.RING_PACKED) != 0;
        var format = new RxFormat(headerSize, mergeable, queue.Layout.SwapBytes, takes, demotes);
        _ring.Start(queue, () =>
        {
            // No sender reads what is set here before it has the ring's lock.
            _isPolled = queue.Kick is null;
            _buffers.Format = format;
            _filler.Begin();

            // A sender that the thread's polling was to notice looks again, and asks for a kick if that is what notices it now.
            _thread.PolicyChanged += WakeWaitersHere;
        });
    }

    /// <summary>
    /// Stops working with the ring; when this returns no thread uses it. Waiting senders are woken and find the queue stopped. Control thread, which leaves it
    /// to the queue's own.
    /// </summary>
    public void Stop() => _ring.Stop(OnCleared);

    /// <summary>Has senders woken that wait for buffers, after the ring was enabled or its memory changed. Any thread; the queue's own does it.</summary>
    public void WakeWaiters() => _wake.Schedule();

    /// <summary>What the queue's thread calls, for tests.</summary>
    internal KickCalls Calls => _ring.Calls;

    /// <summary>The ring under its lock, for tests.</summary>
    internal bool TryLock(out LockedRing ring) => _ring.TryLock(out ring);

    /// <summary>Locks the ring if it takes frames.</summary>
    private bool TryLockUp(out LockedRing ring)
    {
        if (!_ring.TryLock(out ring))
        {
            return false;
        }

        if (ring.Queue.Enabled && !ring.Queue.IsBroken)
        {
            return true;
        }

        ring.Dispose();
        return false;
    }

    private void OnKick()
    {
        if (_ring.TryTakeKick(out LockedRing ring))
        {
            _waiters.ScheduleAll();
            ring.Dispose();
        }
    }

    /// <summary>On the queue's thread, under the lock of the ring that nobody reaches any more.</summary>
    private void OnCleared()
    {
        _thread.PolicyChanged -= WakeWaitersHere;
        _waiters.ScheduleAll();
    }

    /// <summary>On the queue's thread.</summary>
    private void WakeWaitersHere()
    {
        if (_ring.TryLock(out LockedRing ring))
        {
            ring.Queue.DisableNotifications();
            _waiters.ScheduleAll();
            ring.Dispose();
        }
    }

    private void OnPollModeTimer()
    {
        if (PollForWaiters())
        {
            WakeWaitersHere();
        }
    }

    private bool PollForWaiters()
    {
        if (_waiters.IsEmpty || !_ring.TryLockNow(out LockedRing ring))
        {
            return false;
        }

        bool ready = ring.Queue.HasUnseen;
        ring.Dispose();
        return ready;
    }
}
