using System.Runtime.CompilerServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// A guest's receive queue: frames for the guest are copied, or read by the kernel, straight into its buffers. Any data thread may deliver; the ring's lock is
/// taken once per burst. When the guest has no buffers a sender that can wait is woken as soon as it has (back pressure).
/// </summary>
public sealed partial class RxQueue : IDisposable
{
    /// <summary>How many senders can wait at the same time, four times the queues that one guest may have; a further one drops instead.</summary>
    private const int WaitersMax = 512;

    /// <summary>About a microsecond: what the runtime takes for one is about 37 ns on every machine.</summary>
    private const int RetrySpins = 27;

    private readonly IoThread _thread;
    private readonly ChainBurst _chains = new();
    private readonly BottomHalf?[] _waiters = new BottomHalf?[WaitersMax];
    private readonly KickCalls _calls;
    private readonly BottomHalf _wake;
    private RingSlot _slot;
    private KickWatch? _watch;
    private FrameCounters _counters;
    private int _waiterCount;

    // Chains that the last peek found and that did not suffice for the next frame. Looking again when the sender gives up would count what came meanwhile among them.
    private int _insufficient;
    private int _headerSize = VirtioNetHeader.Size;
    private bool _mergeable;

    // The guest reads its headers in the other byte order than ours (SET_VRING_ENDIAN); fixed while a ring runs.
    private bool _swapsHeaders;
    private Offloads _takes;
    private bool _finishesChecksums;
    private byte _guestFlags;
    private readonly bool _mayDemote;
    private bool _demotes;
    private bool _isPolled;
    private volatile bool _disposed;

    /// <summary>Creates the queue; it carries nothing until it is started.</summary>
    /// <param name="index">Number of the queue pair.</param>
    /// <param name="thread">The thread that handles the guest's kicks.</param>
    /// <param name="mayDemote">Short frames may be moved to the shared cache (<see cref="CacheDemotion"/>), which is done where it was seen to bring something: with packed rings.</param>
    public RxQueue(int index, IoThread thread, bool mayDemote = false)
    {
        ArgumentNullException.ThrowIfNull(thread);
        Index = index;
        _thread = thread;
        _mayDemote = mayDemote && CacheDemotion.IsSupported;
        _wake = thread.Context.CreateBottomHalf(WakeWaitersHere, $"rx{index}.wake");
        _calls = new KickCalls(OnKick, PollForWaiters, WakeWaitersHere, OnPollModeTimer);
    }

    /// <summary>Number of the queue pair.</summary>
    public int Index { get; }

    /// <summary>What anybody may read of the ring while it runs, or null.</summary>
    public RingView? Ring => _slot.View;

    /// <summary>True when the guest takes frames: the ring runs and is enabled.</summary>
    public bool IsUp => Ring is { Enabled: true, IsBroken: false };

    /// <summary>Frames given to the guest, and what could not be.</summary>
    public ref FrameCounters Counters => ref _counters;

    /// <summary>Gives frames to the guest. Any data thread.</summary>
    /// <param name="burst">The frames.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="waiter">Scheduled when the guest has buffers again; null when the sender can't wait.</param>
    /// <param name="retries">How many more times the ring is looked at, about a microsecond apart, before frames of a sender that can't wait are dropped.</param>
    /// <returns>How many of <paramref name="frames"/> are done with: all, unless a waiter is given and the guest lacks buffers.</returns>
    public int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter, int retries = 0)
    {
        ArgumentNullException.ThrowIfNull(burst);
        if (!TryLockUp(out LockedRing ring))
        {
            // Counted without the lock: a stopped ring has none, and a lost increment here costs nothing.
            _counters.Drop(DropReason.NotRunning, frames.Length);
            return frames.Length;
        }

        try
        {
            return DeliverLocked(ring.Queue, burst, frames, waiter, retries);
        }
        finally
        {
            ring.Dispose();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int DeliverLocked(Virtqueue queue, FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter, int retries)
    {
        int done = Fill(queue, burst, frames, waiter is not null);
        while (done < frames.Length)
        {
            // Each round that brings nothing costs something, whatever the guest does with its index meanwhile.
            burst.Budget.Take(TurnBudget.MalformedCost);
            if (burst.Budget.IsSpent || (waiter is null && _wasteful))
            {
                if (waiter is not null || (burst.ComesAgain && burst.Budget.IsSpent))
                {
                    // The frames stay with the sender, which comes again in a turn of its own.
                    waiter?.Schedule();
                    break;
                }

                _counters.Drop(queue.IsBroken ? DropReason.NotRunning : DropReason.Budget, frames.Length - done);
                done = frames.Length;
            }
            else if (waiter is null && retries-- > 0 && !queue.IsBroken)
            {
                burst.Budget.Take(TurnBudget.CallCost);

                // The guest can't give back what it was not told of.
                queue.NotifyGuest();
                Thread.SpinWait(RetrySpins);
                done += Fill(queue, burst, frames[done..], canWait: false);
            }
            else if (waiter is null || queue.IsBroken || !TryAddWaiter(waiter))
            {
                _counters.Drop(queue.IsBroken ? DropReason.NotRunning : DropReason.NoBuffers, frames.Length - done);
                done = frames.Length;
            }
            else if (WillBeWoken(queue))
            {
                break;
            }
            else
            {
                RemoveWaiter(waiter);
                done += Fill(queue, burst, frames[done..], canWait: true);
            }
        }

        queue.NotifyGuest();
        queue.PrefetchNext(frames.Length);
        return done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        Stop();
        _wake.Delete();
        _chains.Dispose();
        DisposeScratch();
    }

    /// <summary>Makes sure that buffers behind those that did not suffice are noticed; false when some came meanwhile.</summary>
    private bool WillBeWoken(Virtqueue queue)
    {
        if (queue.LastPeekEnd == PeekEnd.IotlbMiss)
        {
            // The device is told when the answer came (QueueChanged), and wakes the waiters then.
            return true;
        }

        if (_thread.Policy == PollPolicy.Busy || _isPolled)
        {
            // The queue's own thread looks for the waiters, all the time or by a timer, and the guest is spared the kick.
            queue.RememberSeen(_insufficient);
            return !queue.HasUnseen;
        }

        return queue.EnableNotifications(_insufficient);
    }

    private bool TryAddWaiter(BottomHalf waiter)
    {
        for (int i = 0; i < _waiterCount; i++)
        {
            if (ReferenceEquals(_waiters[i], waiter))
            {
                return true;
            }
        }

        if (_waiterCount == WaitersMax)
        {
            return false;
        }

        _waiters[_waiterCount] = waiter;
        Volatile.Write(ref _waiterCount, _waiterCount + 1);
        return true;
    }

    private void RemoveWaiter(BottomHalf waiter)
    {
        int index = Array.IndexOf(_waiters, waiter, 0, _waiterCount);
        if (index >= 0)
        {
            _waiters[index] = _waiters[_waiterCount - 1];
            _waiters[--_waiterCount] = null;
        }
    }

    private void ScheduleWaiters()
    {
        int count = _waiterCount;
        Volatile.Write(ref _waiterCount, 0);
        for (int i = 0; i < count; i++)
        {
            _waiters[i]!.Schedule();
            _waiters[i] = null;
        }
    }
}
