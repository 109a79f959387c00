using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Queues;

/// <content>The queue's start and end, its lock, and who is told of the guest's frames.</content>
public sealed partial class TxQueue
{
    /// <summary>Test-only: called before each step of a start that can fail, with its number.</summary>
    internal Action<int>? StepOfStart { get; set; }

    /// <summary>Starts working on a ring, and looks at it at once: as a whole, or not at all. Control thread.</summary>
    /// <param name="queue">The ring.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 12, or 10 for a legacy guest without mergeable buffers.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kick's can't be waited on; nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run, or the queue has a ring; nothing has changed.</exception>
    public void Start(Virtqueue queue, int headerSize)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _thread.Run(() =>
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _slot.ThrowIfTaken();
            var watch = new KickWatch(_thread, queue.Kick, _calls, StepOfStart);

            // From here on nothing fails.
            _watch = watch;
            _headerSize = headerSize;
            _swapsHeaders = queue.Layout.SwapBytes;
            _blocked = false;
            _roundsOff = 0;
            _burstMax = ChainBurst.ChainsMax;
            _began?.Invoke();
            _pacer = new BurstPacer((queue.Layout.Features & VirtioFeatures.RING_PACKED) != 0);
            _polling = _thread.Policy == PollPolicy.Busy;
            _slot.Put(queue, _thread);
            _bottomHalf.Schedule();
        });
    }

    /// <summary>Stops working on the ring; when this returns no thread uses it. Control thread, which leaves it to the queue's own.</summary>
    public void Stop()
    {
        if (_slot.IsEmpty)
        {
            return;
        }

        RingThread.RunOnOrHere(_thread, () =>
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
                    ring.Dispose();
                }
            }
        });
    }

    /// <summary>What the queue's thread calls, for tests.</summary>
    internal KickCalls Calls => _calls;

    /// <summary>The ring under its lock, for tests.</summary>
    internal bool TryLock(out LockedRing ring) => _slot.TryLock(out ring);

    private void OnKick()
    {
        _watch?.TestAndClear();
        if (_slot.TryLock(out LockedRing ring))
        {
            ring.Queue.Counters.Kicks++;
            ring.Queue.DisableNotifications();
            ring.Dispose();
            _bottomHalf.Schedule();
        }
    }

    private void BeginPolling()
    {
        _polling = true;
        if (_slot.TryLock(out LockedRing ring))
        {
            ring.Queue.DisableNotifications();
            ring.Dispose();
        }
    }

    private void EndPolling()
    {
        _polling = false;
        if (!_blocked && _slot.TryLock(out LockedRing ring))
        {
            if (!ring.Queue.EnableNotifications())
            {
                _bottomHalf.Schedule();
            }

            ring.Dispose();
        }
    }
}
