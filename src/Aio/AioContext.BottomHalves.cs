using System.Runtime.CompilerServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;

namespace VhostNet.Aio;

/// <content>
/// Bottom halves: a lock-free stack of those that other threads scheduled, and a ring of those that the home thread scheduled or has taken from the stack.
/// A pass runs them in the order in which they were scheduled (QEMU: in reverse), so that whoever was first waits least and continuations of async methods need
/// no list of their own. A nested poll first runs what is left of the outer passes, then what was scheduled since.
/// </content>
public sealed partial class AioContext
{
    private const long IdleIntervalNs = 10_000_000;

    private readonly BottomHalf?[] _oneShots = new BottomHalf?[32];

    // The token of the home thread once it has polled; NoThread if more than one thread may poll. Its schedules need neither an atomic link nor a notification.
    private int _localThread = NoThread;
    private BottomHalfRing _ring = new(64);

    /// <summary>Makes a bottom half.</summary>
    /// <param name="callback">Runs on the home thread.</param>
    /// <param name="name">Name for messages.</param>
    public BottomHalf CreateBottomHalf(Action callback, string name)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new BottomHalf(this, callback, name);
    }

    /// <summary>Has a callback called once by the next pass of the loop.</summary>
    /// <param name="callback">Runs on the home thread.</param>
    /// <param name="name">Name for messages.</param>
    public void ScheduleOneShot(Action callback, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(callback);
        BottomHalf bh = RentOneShot();
        bh.Load(callback, name);
        bh.Schedule();
    }

    internal void Post(SendOrPostCallback callback, object? state)
    {
        BottomHalf bh = RentOneShot();
        bh.Load(callback, state);
        bh.Schedule();
    }

    /// <summary>
    /// Schedules on the home thread itself. While the counter is not zero the time-out was computed already, and while the stack is not empty the order demands
    /// that this one goes on top of it; both are left to <see cref="IBottomHalfLoop.Enqueue"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    bool IBottomHalfLoop.TryEnqueueLocally(BottomHalf bh)
    {
        if (s_thread != _localThread || _state.NotifyMe != 0 || _state.BottomHalves is not null)
        {
            return false;
        }

        _ring.Add(bh);
        return true;
    }

    /// <param name="bh">It was marked as scheduled by an atomic operation.</param>
    /// <param name="link">It is not linked anywhere.</param>
    void IBottomHalfLoop.Enqueue(BottomHalf bh, bool link)
    {
        if (_disposed)
        {
            return;
        }

        if (!link)
        {
            // It lies in the ring perhaps, where a sleeper that found it not due does not look again.
            Notify();
            return;
        }

        BottomHalf? head = Volatile.Read(ref _state.BottomHalves);
        while (true)
        {
            bh.Next = head;
            BottomHalf? seen = Interlocked.CompareExchange(ref _state.BottomHalves, bh, head);
            if (ReferenceEquals(seen, head))
            {
                break;
            }

            head = seen;
        }

        NotifyPushed(head is null);
    }

    void IBottomHalfLoop.ReturnOneShot(BottomHalf bh)
    {
        foreach (ref BottomHalf? slot in _oneShots.AsSpan())
        {
            if (slot is null && Interlocked.CompareExchange(ref slot, bh, null) is null)
            {
                return;
            }
        }
    }

    private BottomHalf RentOneShot()
    {
        foreach (ref BottomHalf? slot in _oneShots.AsSpan())
        {
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } bh)
            {
                return bh;
            }
        }

        return new BottomHalf(this);
    }

    private bool HasBottomHalves => !_ring.IsEmpty || Volatile.Read(ref _state.BottomHalves) is not null;

    /// <summary>Runs what was scheduled before, oldest first.</summary>
    private bool RunBottomHalves()
    {
        TakeStack();

        // A nested poll moves the limit further and runs everything up to it; back here nothing is left then.
        _ring.BeginPass();
        (IFaultOwner?, byte) outer = EnterStage(AioActivity.BottomHalves);
        bool progress = false;
        try
        {
            while (!RunBottomHalves(ref progress))
            {
            }
        }
        finally
        {
            LeaveStage(outer);
        }

        return progress;
    }

    /// <returns>False if an exception was handed to its owner; the rest of the pass is still to run.</returns>
    private bool RunBottomHalves(ref bool progress)
    {
        FaultFrame frame = _frame;
        BottomHalf? bh = null;
        try
        {
            while (_ring.TryTake(out bh))
            {
                frame.Switch(bh.Owner);
                progress |= bh.Run(ref _bottomHalvesNotRun);
            }

            return true;
        }
        catch (Exception e) when (Answers(bh?.Owner, e))
        {
            progress = true;
            Report(bh!.Owner!, bh.Name, e);
            return false;
        }
    }

    private void TakeStack()
    {
        if (Volatile.Read(ref _state.BottomHalves) is not null)
        {
            // What the home thread scheduled itself came while the stack was empty, hence is older.
            _ring.AddReversed(Interlocked.Exchange(ref _state.BottomHalves, null)!);
        }
    }

    /// <summary>
    /// 0 if a bottom half is due; the idle interval if an idle one waits; otherwise -1. The stack is taken before, so that nobody sleeps on a filled one:
    /// whoever fills it next announces that, and whoever makes one urgent that lies in the ring notifies.
    /// </summary>
    private long BottomHalfTimeout()
    {
        TakeStack();
        long timeout = -1;
        for (int i = 0; i < _ring.Count; i++)
        {
            if (IsDue(_ring[i], ref timeout))
            {
                return 0;
            }
        }

        return timeout;
    }

    private static bool IsDue(BottomHalf bh, ref long timeout)
    {
        if (!bh.IsDue && bh.IsIdlyDue)
        {
            timeout = IdleIntervalNs;
        }

        return bh.IsDue;
    }

    private void DropBottomHalves()
    {
        Interlocked.Exchange(ref _state.BottomHalves, null);
        _ring.Clear();
    }
}
