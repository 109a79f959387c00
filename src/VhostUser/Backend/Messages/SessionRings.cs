using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// A session's rings: they follow the state after each message, not more of them in a turn than it has time for, and say in the log what became of them.
/// Control thread.
/// </summary>
internal sealed class SessionRings : IRingEvents
{
    /// <summary>More than starting any number of rings can cost.</summary>
    private const long NoLimit = 1L << 50;

    private readonly SessionContext _session;
    private readonly BackendMessages _backend;
    private readonly IotlbMissQueue _misses;
    private readonly SharingWatch _sharing;
    private readonly RingReconciler _reconciler;
    private readonly BottomHalf _startMore;
    private TurnBudget _startBudget;

    /// <summary>Prepares the rings.</summary>
    /// <param name="session">The session.</param>
    /// <param name="backend">How the front end is told what it has no notifier for.</param>
    /// <param name="misses">Where a ring's missed translations go.</param>
    public SessionRings(SessionContext session, BackendMessages backend, IotlbMissQueue misses)
    {
        _session = session;
        _backend = backend;
        _misses = misses;
        _sharing = new SharingWatch(session);
        _reconciler = new RingReconciler(session.State, session.Device, session.Options, this);
        _startMore = session.Loop.CreateBottomHalf(StartMore, "start-rings");
    }

    /// <summary>The layouts that rings have, or would have.</summary>
    public RingLayouts Layouts => _reconciler.Layouts;

    /// <summary>A turn begins, in which some rings may start.</summary>
    public void BeginTurn() => _startBudget = new TurnBudget(TurnBudget.Turn / 2);

    /// <summary>A turn begins in which all rings may start: none of them waits for a later one.</summary>
    public void BeginWholeTurn()
    {
        _startBudget = default;
        _startBudget.Take(-NoLimit);
    }

    /// <summary>
    /// Makes the rings follow the state after a message. Stopping and moving is done at once, as the front end relies on it; rings that are to start begin in
    /// later turns when there are too many of them, or too large ones, for this one.
    /// </summary>
    /// <exception cref="ProtocolException">A ring could not be started.</exception>
    public void Follow()
    {
        _session.Turn.Take((long)_session.State.Rings.Length * MessageCosts.Ring);
        _reconciler.Reconcile();
    }

    /// <inheritdoc cref="RingReconciler.Reconcile"/>
    public void Reconcile() => _reconciler.Reconcile();

    /// <inheritdoc cref="RingReconciler.Retire"/>
    public void Retire(IDisposable? resource) => _reconciler.Retire(resource);

    /// <inheritdoc cref="RingReconciler.Stop"/>
    public void Stop(RingState ring) => _reconciler.Stop(ring);

    /// <inheritdoc cref="RingReconciler.StopAll"/>
    public void StopAll() => _reconciler.StopAll();

    /// <inheritdoc cref="RingReconciler.Restart"/>
    public void Restart(RingState ring, Action<Virtqueue> change) => _reconciler.Restart(ring, change);

    /// <summary>Refuses a change under which a running ring would have no place. Behind a vIOMMU the ring rests instead, until its translation comes.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="address">Its addresses after the change.</param>
    /// <param name="change">Name of the message.</param>
    /// <exception cref="ProtocolException">The ring would have no place.</exception>
    public void CheckRunning(RingState ring, VringAddress? address, string change)
    {
        if (ring.Queue is not null && Layouts.Find(ring, _session.State.Memory, address, out LayoutProblem problem) is null && !problem.IsIncomplete)
        {
            throw new ProtocolException($"{change}: {problem.Text}");
        }
    }

    /// <summary>No more rings start.</summary>
    public void Close() => _startMore.Delete();

    /// <inheritdoc/>
    public bool MayStart(RingState ring)
    {
        if (_startBudget.IsSpent)
        {
            _startMore.Schedule();
            return false;
        }

        // Its virtqueue is made, the device told, an inflight area gone through and, packed, its slots read.
        long before = _startBudget.Left;
        _startBudget.TakeCalls(10, _session.State.IsPacked ? PackedRingScan.BytesMax(ring.Size) : 0);
        _startBudget.TakeDescriptors(_session.State.Inflight is null ? ring.Size : 2 * ring.Size);
        _session.Turn.Take(before - _startBudget.Left);
        return true;
    }

    /// <inheritdoc/>
    public void RingStarting(RingState ring) => _sharing.WarnOfPrivateMemory();

    /// <inheritdoc/>
    public void Connect(RingState ring, Virtqueue queue)
    {
        queue.CallInBand = _backend.InBandCallOf(ring);
        if (_session.State.HasIommu)
        {
            queue.IotlbMissed = _misses.Add;
        }

        queue.Broken = broken =>
        {
            // On a datapath thread, under the ring's lock: log and messages belong to the control thread.
            ring.Error?.Set();
            _session.Loop.ScheduleOneShot(() => ReportBroken(ring, broken));
        };
    }

    /// <inheritdoc/>
    public void RingStarted(RingState ring, uint position)
    {
        _session.Log.Info(
            $"ring {ring.Index} started: {ring.Size} descriptors, {(_session.State.IsPacked ? "packed" : "split")}, position 0x{position:x}, " +
            $"{(ring.IsEnabled ? "enabled" : "disabled")}{(ring.Kick is null ? ", polled" : string.Empty)}");
        _backend.SendPendingConfigChange();
    }

    /// <inheritdoc/>
    public void RingRecovered(RingState ring, string note) => _session.Log.Info($"ring {ring.Index} {note}");

    /// <inheritdoc/>
    public void RingStopped(RingState ring) => _session.Log.Info($"ring {ring.Index} stopped at 0x{ring.Base:x}");

    /// <inheritdoc/>
    public void RingWaits(RingState ring, LayoutProblem problem)
    {
        if (problem.MissedAddress is { } address)
        {
            _misses.Ask(address, problem.NeedsWrite);
        }

        if (ring.WaitsFor != problem.Text)
        {
            ring.WaitsFor = problem.Text;
            _session.Log.Info($"ring {ring.Index} is to start and waits for {problem.Text}");
            _sharing.WarnOfMissingMemory();
        }
    }

    private void ReportBroken(RingState ring, Virtqueue queue)
    {
        if (!_session.IsEnded)
        {
            _session.Log.Warning($"ring {ring.Index} is broken ({queue.LastError}); it rests until the guest resets it");
            _backend.SendRingError(ring);
        }
    }

    private void StartMore()
    {
        if (_session.IsEnded)
        {
            return;
        }

        BeginTurn();
        try
        {
            _reconciler.Reconcile();
        }
        catch (Exception e) when (e is GuestMemoryException or ErrnoException or ProtocolException)
        {
            _session.Log.Warning($"a ring that was to start later did not: {e.Message}");
        }

        _session.Limits.UpdateUse();
    }
}
