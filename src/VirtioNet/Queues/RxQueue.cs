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
    private readonly Waiters _waiters = new(WaitersMax, WaitersMax);
    private readonly RxBuffers _buffers = new();
    private readonly RxFiller _filler;
    private readonly RxDirect _direct;
    private readonly RingKick _ring;
    private readonly BottomHalf _wake;
    private readonly bool _mayDemote;
    private bool _isPolled;

    /// <summary>Creates the queue; it carries nothing until it is started.</summary>
    /// <param name="index">Number of the queue pair.</param>
    /// <param name="thread">The thread that handles the guest's kicks.</param>
    /// <param name="mayDemote">Short frames may be moved to the shared cache (<see cref="CacheDemotion"/>), which is done where it was seen to bring something:
    /// with packed rings.</param>
    public RxQueue(int index, IoThread thread, bool mayDemote = false)
    {
        ArgumentNullException.ThrowIfNull(thread);
        Index = index;
        _thread = thread;
        _mayDemote = mayDemote && CacheDemotion.IsSupported;
        _wake = thread.Context.CreateBottomHalf(WakeWaitersHere, $"rx{index}.wake");
        _filler = new RxFiller(_buffers);
        _direct = new RxDirect(_buffers);
        _ring = new RingKick(this, thread, new KickCalls(OnKick, PollForWaiters, WakeWaitersHere, OnPollModeTimer));
    }

    /// <summary>Number of the queue pair.</summary>
    public int Index { get; }

    /// <summary>What anybody may read of the ring while it runs, or null.</summary>
    public RingView? Ring => _ring.View;

    /// <summary>True when the guest takes frames: the ring runs and is enabled.</summary>
    public bool IsUp => Ring is { Enabled: true, IsBroken: false };

    /// <summary>Frames given to the guest, and what could not be.</summary>
    public ref FrameCounters Counters => ref _buffers.Counters;

    /// <summary>Gives frames to the guest. Any data thread.</summary>
    /// <param name="burst">The frames.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="waiter">Scheduled when the guest has buffers again; null when the sender can't wait.</param>
    /// <param name="retries">How many more times the ring is looked at, about a microsecond apart, before frames of a sender that can't wait are
    /// dropped.</param>
    /// <returns>How many of <paramref name="frames"/> are done with: all, unless a waiter is given and the guest lacks buffers.</returns>
    public int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter, int retries = 0)
    {
        ArgumentNullException.ThrowIfNull(burst);
        if (!TryLockUp(out LockedRing ring))
        {
            // Counted without the lock: a stopped ring has none, and a lost increment here costs nothing.
            _buffers.Counters.Drop(DropReason.NotRunning, frames.Length);
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
        int done = _filler.Fill(queue, burst, frames, waiter is not null);
        while (done < frames.Length)
        {
            // Each round that brings nothing costs something, whatever the guest does with its index meanwhile.
            burst.Budget.Take(TurnBudget.MalformedCost);
            if (burst.Budget.IsSpent || (waiter is null && _filler.IsWasteful))
            {
                if (waiter is not null || (burst.ComesAgain && burst.Budget.IsSpent))
                {
                    // The frames stay with the sender, which comes again in a turn of its own.
                    waiter?.Schedule();
                    break;
                }

                _buffers.Counters.Drop(queue.IsBroken ? DropReason.NotRunning : DropReason.Budget, frames.Length - done);
                done = frames.Length;
            }
            else if (waiter is null && retries-- > 0 && !queue.IsBroken)
            {
                burst.Budget.Take(TurnBudget.CallCost);

                // The guest can't give back what it was not told of.
                queue.NotifyGuest();
                Thread.SpinWait(RetrySpins);
                done += _filler.Fill(queue, burst, frames[done..], canWait: false);
            }
            else if (waiter is null || queue.IsBroken || !_waiters.TryAdd(waiter))
            {
                _buffers.Counters.Drop(queue.IsBroken ? DropReason.NotRunning : DropReason.NoBuffers, frames.Length - done);
                done = frames.Length;
            }
            else if (WillBeWoken(queue))
            {
                break;
            }
            else
            {
                _waiters.Remove(waiter);
                done += _filler.Fill(queue, burst, frames[done..], canWait: true);
            }
        }

        queue.NotifyGuest();
        queue.PrefetchNext(frames.Length);
        return done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring.Close(OnCleared);
        _wake.Delete();
        _buffers.Dispose();
        _direct.Dispose();
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
            queue.RememberSeen(_buffers.Insufficient);
            return !queue.HasUnseen;
        }

        return queue.EnableNotifications(_buffers.Insufficient);
    }

    /// <summary>
    /// Reads frames from the operating system into the guest's buffers until the source is empty, the guest is full or the budget is used up.
    /// </summary>
    /// <typeparam name="TReader">The source.</typeparam>
    /// <param name="reader">The source.</param>
    /// <param name="budget">Most frames to be read in this call.</param>
    /// <param name="waiter">Scheduled when the guest has buffers again, after <see cref="ReceiveResult.Blocked"/>.</param>
    /// <param name="frames">Frames that the guest got.</param>
    public ReceiveResult ReceiveDirect<TReader>(ref TReader reader, int budget, BottomHalf waiter, out int frames)
        where TReader : struct, IFrameReader
    {
        ArgumentNullException.ThrowIfNull(waiter);
        frames = 0;
        if (!TryLockUp(out LockedRing ring))
        {
            return ReceiveResult.NotRunning;
        }

        try
        {
            return ReceiveLocked(ring.Queue, ref reader, budget, waiter, ref frames);
        }
        finally
        {
            ring.Dispose();
        }
    }

    private ReceiveResult ReceiveLocked<TReader>(Virtqueue queue, ref TReader reader, int budget, BottomHalf waiter, ref int frames)
        where TReader : struct, IFrameReader
    {
        ReceiveResult result;
        TurnBudget turn = TurnBudget.Full;
        var time = new TurnTime(_thread.Context);
        do
        {
            result = turn.IsSpent ? ReceiveResult.Budget : _direct.Read(queue, ref reader, budget, ref frames, ref turn);
        }
        while (result == ReceiveResult.Blocked && !IsBlocked(queue, waiter));

        Spent = turn.Spent;

        queue.NotifyGuest();
        queue.Counters.BusyNs += time.Elapsed;
        return result;
    }

    private bool IsBlocked(Virtqueue queue, BottomHalf waiter)
    {
        if (queue.IsBroken || !_waiters.TryAdd(waiter) || WillBeWoken(queue))
        {
            return true;
        }

        _waiters.Remove(waiter);
        return false;
    }

    /// <summary>What the last turn that read into the guest's buffers took from its budget. Under the ring's lock.</summary>
    internal long Spent { get; private set; }
}
