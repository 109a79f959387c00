using System.Diagnostics;
using System.Runtime.CompilerServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// A guest's transmit queue, worked on by a bottom half of its thread. A kick, or a poll that saw the avail index move, runs it; it forwards at most a budget
/// of frames and then reschedules itself, so that other handlers get their turn; an empty ring enables the guest's notifications and is looked at once more,
/// because the guest may have added a buffer in between (QEMU's virtio_net_tx_bh). Frames that the receiver can't take yet stay in the ring.
/// </summary>
public sealed partial class TxQueue : IDisposable
{
    /// <summary>Frames forwarded before other handlers get their turn.</summary>
    private const int Budget = 1024;

    /// <summary>
    /// No burst begins in a turn that cost as much already, so that each has three quarters of a turn: what one burst costs is known afterwards only.
    /// </summary>
    private const int TurnEnough = TurnBudget.Turn / 4;

    /// <summary>
    /// What a turn of an ordinary burst costs, roughly. A turn that cost several times as much is followed by as many rounds of the loop in which this queue
    /// leaves the thread to others, so that a guest whose frames are expensive gets no more of it than one whose frames are not.
    /// </summary>
    private const int OrdinaryTurn = TurnBudget.Turn / 16;

    private readonly IoThread _thread;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _bottomHalf;
    private readonly Func<FrameBurst, BottomHalf, int> _forward;
    private readonly Action? _began;
    private readonly RingKick _ring;
    private FrameCounters _counters;
    private BurstPacer _pacer;
    private int _headerSize = VirtioNetHeader.Size;

    // The guest writes its headers in the other byte order than ours (SET_VRING_ENDIAN); fixed while a ring runs.
    private bool _swapsHeaders;
    private int _burstMax = ChainBurst.ChainsMax;
    private int _roundsOff;
    private volatile bool _isHeld;
    private bool _polling;
    private bool _blocked;

    /// <summary>Creates the queue; it does nothing until it is started.</summary>
    /// <param name="index">Number of the queue pair.</param>
    /// <param name="port">Name of the port that the frames come in by.</param>
    /// <param name="thread">The thread that works on the queue.</param>
    /// <param name="forward">Takes the burst on to the network; it is given the burst and what to schedule when frames can be taken again, and returns how many
    /// frames, from the first, are done with.</param>
    /// <param name="began">Told, on the queue's thread, that a ring starts: what was half sent of the last one's frames is forgotten.</param>
    public TxQueue(int index, string port, IoThread thread, Func<FrameBurst, BottomHalf, int> forward, Action? began = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(port);
        ArgumentNullException.ThrowIfNull(thread);
        ArgumentNullException.ThrowIfNull(forward);
        Index = index;
        _thread = thread;
        _forward = forward;
        _began = began;
        _bottomHalf = thread.Context.CreateBottomHalf(Run, $"{port}.tx{index}");
        _ring = new RingKick(this, thread, new KickCalls(OnKick, PollReady, Run, Run, BeginPolling, EndPolling));
    }

    /// <summary>Number of the queue pair.</summary>
    public int Index { get; }

    /// <summary>What anybody may read of the ring while it runs, or null.</summary>
    public RingView? Ring => _ring.View;

    /// <summary>Frames taken from the guest and passed on, and those that were refused: each chain that went back is counted once.</summary>
    public ref FrameCounters Counters => ref _counters;

    /// <summary>What the last turn took from its budget. On the queue's thread.</summary>
    internal long Spent => _burst.Budget.Spent;

    /// <summary>Rounds of the loop that the queue leaves to others before its next turn. On the queue's thread.</summary>
    internal int RoundsOff => _roundsOff;

    /// <summary>The thread that works on the queue.</summary>
    public IoThread Thread => _thread;

    /// <summary>Looks at the ring again: it was enabled, its memory changed, or its receiver came up. Any thread.</summary>
    public void Wake() => _bottomHalf.Schedule();

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring.Close();
        _bottomHalf.Delete();
        _burst.Dispose();
    }

    private bool PollReady()
    {
        if (_blocked || _isHeld || _roundsOff > 0 || !_ring.TryLockNow(out LockedRing ring))
        {
            return false;
        }

        Virtqueue queue = ring.Queue;
        bool ready = _pacer.Waits ? _pacer.IsDue(queue, Stopwatch.GetTimestamp()) : queue.HasAvailable;
        if (!ready)
        {
            queue.Counters.EmptyPolls++;
        }

        ring.Dispose();
        return ready;
    }

    /// <summary>The bottom half.</summary>
    internal void Run()
    {
        if (_ring.IsEmpty || _isHeld || IsRoundOff() || !_ring.TryLock(out LockedRing ring))
        {
            return;
        }

        bool again;
        try
        {
            again = _thread.Context.TimedWeight == 0 ? RunLocked(ring.Queue) : RunTimed(ring.Queue);
        }
        finally
        {
            ring.Dispose();
        }

        if (again)
        {
            _bottomHalf.Schedule();
        }
    }

    /// <summary>A turn in a pass of the loop whose time is taken.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RunTimed(Virtqueue queue)
    {
        var time = new TurnTime(_thread.Context);
        bool again = RunLocked(queue);
        queue.Counters.BusyNs += time.Elapsed;
        return again;
    }

    /// <summary>One turn. True when it is to be followed by another at once.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RunLocked(Virtqueue queue)
    {
        _blocked = false;
        int left = Budget;
        ref TurnBudget turn = ref _burst.Budget;
        turn = TurnBudget.Full;
        while (left > 0 && turn.Spent < TurnEnough)
        {
            long before = turn.Spent;
            int count = queue.Peek(_burst.Chains, _burstMax, ChainDirection.Readable, ref turn);
            if (count == 0)
            {
                if (queue.LastPeekEnd == PeekEnd.IotlbMiss)
                {
                    // Woken when the front end has answered (QueueChanged); until then there is nothing to poll for.
                    _blocked = true;
                    break;
                }

                if (_polling || queue.IsBroken || queue.EnableNotifications())
                {
                    break;
                }

                // A guest that moves its index to and fro is looked at for no longer than a turn.
                turn.Take(TurnBudget.MalformedCost);
                queue.DisableNotifications();
                continue;
            }

            queue.Counters.Polls++;
            _pacer.Took(count);
            int done = Forward(queue, ref count);
            queue.Complete(done);
            left -= done;
            FitBurst(done, turn.Spent - before);
            if (done < count)
            {
                _blocked = true;
                break;
            }

            if (_polling)
            {
                // One burst a turn: the poll that follows finds the next one, and other queues of this thread are not kept waiting.
                break;
            }
        }

        bool again = EndTurn(queue) || left <= 0;
        queue.NotifyGuest();
        return again;
    }

    /// <summary>Has an expensive turn followed by rounds off, and then by another. What a receiver holds back comes when that schedules us.</summary>
    /// <returns>True when the queue is to be scheduled for it.</returns>
    private bool EndTurn(Virtqueue queue)
    {
        long spent = _burst.Budget.Spent;
        if (spent < TurnEnough)
        {
            return false;
        }

        queue.Counters.SpentTurns++;
        _roundsOff = (int)(spent / OrdinaryTurn);
        return !_blocked;
    }

    /// <summary>True in a round that the queue leaves to others; the next one is asked for.</summary>
    private bool IsRoundOff()
    {
        if (_roundsOff == 0)
        {
            return false;
        }

        _roundsOff--;
        _bottomHalf.Schedule();
        return true;
    }

    /// <summary>Has the next burst cost about as much as a turn may before it ends: what comes next is mostly like what came last.</summary>
    private void FitBurst(int frames, long cost)
    {
        if (cost > TurnEnough || _burstMax < ChainBurst.ChainsMax)
        {
            _burstMax = (int)Math.Clamp((long)frames * TurnEnough / Math.Max(cost, 1), 1, ChainBurst.ChainsMax);
        }
    }

    /// <summary>
    /// Leaves frames beyond <see cref="TurnBudget.BurstBytesMax"/> to the next burst: a receiver for which they can't wait would have to drop them.
    /// </summary>
    private int CountUpTo(int count)
    {
        long bytes = 0;
        int fit = 0;
        while (fit < count && bytes < TurnBudget.BurstBytesMax)
        {
            bytes += _burst[fit++].TotalLength;
        }

        return fit;
    }

    private int Forward(Virtqueue queue, ref int count)
    {
        long bytes = _swapsHeaders
            ? TxParser.Parse<SwappedHeader>(_burst, count, _headerSize, out int refused)
            : TxParser.Parse<NativeHeader>(_burst, count, _headerSize, out refused);
        bool cut = bytes > TurnBudget.BurstBytesMax;
        if (cut)
        {
            count = CountUpTo(count);
            _burst.Count = count;
        }

        if (!queue.Enabled)
        {
            _counters.Drop(DropReason.Disabled, count);
            return count;
        }

        int done = _forward(_burst, _bottomHalf);
        if (done == count && refused == 0 && !cut)
        {
            _counters.Bytes += bytes;
            _counters.Frames += count;
        }
        else
        {
            CountOneByOne(done);
        }

        return done;
    }

    /// <summary>Counts the frames that are done with; the others come again and are counted then.</summary>
    private void CountOneByOne(int done)
    {
        for (int i = 0; i < done; i++)
        {
            if (_burst[i].IsMalformed)
            {
                _counters.Drop(_burst.RefusalOf(i));
                continue;
            }

            _counters.Frames++;
            _counters.Bytes += _burst[i].TotalLength;
        }
    }
}
