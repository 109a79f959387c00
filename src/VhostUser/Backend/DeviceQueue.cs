using System.Runtime.CompilerServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// What works on one ring of a device: watches for the guest's kicks on a thread, takes bursts of chains, has the device serve them, gives them back and
/// interrupts the guest, within the budget of a turn (<see cref="TurnBudget"/>). A device makes one for each of its rings and calls <see cref="Start"/>,
/// <see cref="Stop"/> and <see cref="Wake"/> from the members of <see cref="IVhostUserDevice"/> of the same meaning.
/// </summary>
/// <remarks>
/// Chains are given back in the order in which the guest offered them, at the end of the call that served them, so that nothing is in flight between two calls:
/// a ring can be stopped, moved and taken over by another process at any time. Nothing here allocates once the queue runs.
/// </remarks>
public sealed class DeviceQueue : IDisposable
{
    /// <summary>How often a ring without kicks is looked at, in nanoseconds.</summary>
    private const long IntervalNs = 50_000;

    private readonly IoThread _thread;
    private readonly ChainDirection _direction;
    private readonly ServeChains _serve;
    private readonly ChainBurst _burst = new();
    private readonly BottomHalf _bottomHalf;
    private readonly BottomHalf _resume;
    private readonly AioTimer _interval;
    private RingSlot _slot;
    private EventNotifier? _kick;
    private bool _waits;
    private bool _isPolled;

    /// <summary>Makes one; it does nothing until it is started.</summary>
    /// <param name="thread">The thread that works on the ring; it runs, and outlives this.</param>
    /// <param name="direction">What the ring's chains are made of.</param>
    /// <param name="name">Its name in messages.</param>
    /// <param name="serve">Serves chains, on the thread, under the ring's lock. What it throws goes to the thread's
    /// <see cref="IoThreadOptions.UnhandledException"/>; the chains are served again then.</param>
    public DeviceQueue(IoThread thread, ChainDirection direction, string name, ServeChains serve)
    {
        ArgumentNullException.ThrowIfNull(thread);
        ArgumentNullException.ThrowIfNull(serve);
        _thread = thread;
        _direction = direction;
        _serve = serve;
        _bottomHalf = thread.Context.CreateBottomHalf(Run, name);
        _resume = thread.Context.CreateBottomHalf(Resume, name);
        _interval = thread.Context.CreateTimer(AioClock.Monotonic, OnInterval);
    }

    /// <summary>What anybody may read of the ring while there is one, or null. Any thread.</summary>
    public RingView? Ring => _slot.View;

    /// <summary>Begins to work on a ring and looks at it at once: as a whole, or not at all. Control thread.</summary>
    /// <param name="queue">The ring, as <see cref="IVhostUserDevice.StartQueue"/> got it.</param>
    /// <exception cref="ErrnoException">The kick's descriptor can't be waited on; nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run, or there is a ring already; nothing has changed.</exception>
    public void Start(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _thread.Run(() =>
        {
            _slot.ThrowIfTaken();
            if (queue.Kick is { } kick)
            {
                _thread.Context.SetEventNotifier(kick, OnKick, HasWork, Run);
            }
            else
            {
                _interval.Modify(AioClock.Monotonic.NowNs + IntervalNs);
            }

            _kick = queue.Kick;
            _isPolled = _kick is null;
            _waits = false;
            _slot.Put(queue, _thread);
            _bottomHalf.Schedule();
        });
    }

    /// <summary>Ends the work on the ring, if there is one: when this returns no thread uses it. Control thread.</summary>
    public void Stop()
    {
        if (!_slot.IsEmpty)
        {
            RingThread.RunOnOrHere(_thread, StopHere);
        }
    }

    /// <summary>Looks at the ring again: it changed, or what serving it waited for is there. Any thread.</summary>
    public void Wake() => _resume.Schedule();

    /// <summary>Stops. Control thread.</summary>
    public void Dispose()
    {
        Stop();
        _bottomHalf.Delete();
        _resume.Delete();
        _burst.Dispose();
    }

    private void StopHere()
    {
        try
        {
            _interval.Delete();
            if (_kick is { } kick)
            {
                _thread.Context.SetEventNotifier(kick, null);
            }
        }
        catch (ObjectDisposedException)
        {
            // The thread has ended, and its context has removed its handlers itself.
        }

        _kick = null;
        if (_slot.TryLock(out LockedRing ring))
        {
            _slot.Clear(ring);
            ring.Dispose();
        }
    }

    private void OnKick()
    {
        _kick?.TestAndClear();
        if (_slot.TryLock(out LockedRing ring))
        {
            ring.Queue.Counters.Kicks++;
            ring.Dispose();
            Run();
        }
    }

    private void OnInterval()
    {
        if (_isPolled && !_slot.IsEmpty)
        {
            _interval.Modify(AioClock.Monotonic.NowNs + IntervalNs);
            Run();
        }
    }

    private void Resume()
    {
        _waits = false;
        Run();
    }

    /// <summary>The poll callback: a look without the guest's kick, before the thread sleeps.</summary>
    private bool HasWork()
    {
        if (_waits || !_slot.TryLockNow(out LockedRing ring))
        {
            return false;
        }

        bool ready = ring.Queue.HasAvailable;
        ring.Dispose();
        return ready;
    }

    private void Run()
    {
        if (_waits || !_slot.TryLock(out LockedRing ring))
        {
            return;
        }

        bool again = true;
        try
        {
            again = RunLocked(ring.Queue);
        }
        finally
        {
            ring.Dispose();
            if (again)
            {
                _bottomHalf.Schedule();
            }
        }
    }

    /// <summary>One turn. True when it is to be followed by another.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RunLocked(Virtqueue queue)
    {
        TurnBudget turn = TurnBudget.Full;
        queue.DisableNotifications();
        while (!turn.IsSpent)
        {
            int count = queue.Enabled ? queue.Peek(_burst, ChainBurst.ChainsMax, _direction, ref turn) : 0;
            if (count == 0)
            {
                // A disabled ring and a missing translation are followed by Wake, a broken ring by nothing.
                if (!queue.Enabled || queue.IsBroken || queue.LastPeekEnd == PeekEnd.IotlbMiss || queue.EnableNotifications())
                {
                    return false;
                }

                turn.Take(TurnBudget.MalformedCost);
                queue.DisableNotifications();
                continue;
            }

            int done = _serve(_burst, count, ref turn);
            queue.Complete(done);
            queue.NotifyGuest();
            if (done < count)
            {
                // Spent, or waiting for something else: the device's next Wake.
                _waits = !turn.IsSpent;
                return turn.IsSpent;
            }
        }

        return true;
    }
}
