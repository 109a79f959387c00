using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Queues;

/// <content>The queue's start and end, its lock, and who is told of the guest's frames.</content>
public sealed partial class TxQueue
{
    /// <summary>Test-only: called before each step of a start that can fail, with its number.</summary>
    internal Action<int>? StepOfStart
    {
        get => _ring.StepOfStart;
        set => _ring.StepOfStart = value;
    }

    /// <summary>Starts working on a ring, and looks at it at once: as a whole, or not at all. Control thread.</summary>
    /// <param name="queue">The ring.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 12, or 10 for a legacy guest without mergeable buffers.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kick's can't be waited on; nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run, or the queue has a ring; nothing has changed.</exception>
    public void Start(Virtqueue queue, int headerSize)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _ring.Start(queue, () =>
        {
            _headerSize = headerSize;
            _swapsHeaders = queue.Layout.SwapBytes;
            _blocked = false;
            _roundsOff = 0;
            _burstMax = ChainBurst.ChainsMax;
            _began?.Invoke();
            _pacer = new BurstPacer((queue.Layout.Features & VirtioFeatures.RING_PACKED) != 0);
            _polling = _thread.Policy == PollPolicy.Busy;

            // Runs on this thread, and so when the ring is there.
            _bottomHalf.Schedule();
        });
    }

    /// <summary>Stops working on the ring; when this returns no thread uses it. Control thread, which leaves it to the queue's own.</summary>
    public void Stop() => _ring.Stop();

    /// <summary>
    /// Takes no frame from the ring until <see cref="LetGo"/>. When this returns, none is under way. Control thread, or the queue's own.
    /// </summary>
    public void Hold()
    {
        _isHeld = true;
        RingThread.RunOnOrHere(_thread, static () => { });
    }

    /// <summary>Takes frames again after <see cref="Hold"/>. Any thread.</summary>
    public void LetGo()
    {
        _isHeld = false;
        _bottomHalf.Schedule();
    }

    /// <summary>What the queue's thread calls, for tests.</summary>
    internal KickCalls Calls => _ring.Calls;

    /// <summary>The ring under its lock, for tests.</summary>
    internal bool TryLock(out LockedRing ring) => _ring.TryLock(out ring);

    private void OnKick()
    {
        if (_ring.TryTakeKick(out LockedRing ring))
        {
            ring.Dispose();
            _bottomHalf.Schedule();
        }
    }

    private void BeginPolling()
    {
        _polling = true;
        if (_ring.TryLock(out LockedRing ring))
        {
            ring.Queue.DisableNotifications();
            ring.Dispose();
        }
    }

    private void EndPolling()
    {
        _polling = false;
        if (!_blocked && _ring.TryLock(out LockedRing ring))
        {
            if (!ring.Queue.EnableNotifications())
            {
                _bottomHalf.Schedule();
            }

            ring.Dispose();
        }
    }
}
