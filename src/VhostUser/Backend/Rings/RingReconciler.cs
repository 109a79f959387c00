using System.Runtime.ExceptionServices;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>
/// Makes the virtqueues what the session's state says they should be: after each message that touches rings, <see cref="Reconcile"/> compares the two and
/// starts, stops or moves rings. Nothing else starts or stops one. Control thread.
/// </summary>
internal sealed class RingReconciler(SessionState state, IVhostUserDevice device, SessionOptions options, IRingEvents events)
{
    private readonly List<IDisposable> _retired = [];

    /// <summary>The layouts that rings have, or would have.</summary>
    public RingLayouts Layouts { get; } = new(state);

    /// <summary>Disposes something, once no ring uses it any more: at the end of the next <see cref="Reconcile"/>.</summary>
    public void Retire(IDisposable? resource)
    {
        if (resource is not null)
        {
            _retired.Add(resource);
        }
    }

    /// <summary>Brings every ring in line with the state, then disposes what was retired.</summary>
    /// <exception cref="ProtocolException">A ring could not be started.</exception>
    public void Reconcile()
    {
        ProtocolException? failure = null;
        foreach (RingState ring in state.Rings)
        {
            try
            {
                ReconcileRing(ring);
            }
            catch (ProtocolException e)
            {
                // The other rings must follow all the same: what is retired below is theirs no more.
                failure ??= e;
            }
        }

        DisposeRetired();
        if (failure is not null)
        {
            throw failure;
        }
    }

    /// <summary>Stops a ring, if it runs, and notes where it stood.</summary>
    public void Stop(RingState ring)
    {
        if (ring.Queue is not { } queue)
        {
            return;
        }

        try
        {
            device.StopQueue(queue);
        }
        finally
        {
            // Also when the device failed: an inert ring does no harm to whoever still has it, one whose memory goes away would.
            uint position = 0;
            queue.RunLocked(locked =>
            {
                locked.Layout.Log?.Flush();
                position = locked.Base;
            });
            ring.Base = position;
            ring.Queue = null;
            queue.Dispose();
        }

        events.RingStopped(ring);
    }

    /// <summary>Stops everything: the session ends. A ring whose stop fails keeps no other one running; its exception is thrown in the end.</summary>
    public void StopAll()
    {
        ExceptionDispatchInfo? failure = null;
        foreach (RingState ring in state.Rings)
        {
            try
            {
                Stop(ring);
            }
#pragma warning disable CA1031 // It is thrown again once all rings are stopped.
            catch (Exception e)
            {
                failure ??= ExceptionDispatchInfo.Capture(e);
            }
#pragma warning restore CA1031
        }

        DisposeRetired();
        failure?.Throw();
    }

    /// <summary>Takes a running ring from the device, changes it, and gives it back. When the device does not take it any more the ring is stopped.</summary>
    public void Restart(RingState ring, Action<Virtqueue> change)
    {
        Virtqueue queue = ring.Queue!;
        device.StopQueue(queue);
        ring.Queue = null;
        change(queue);
        StartOnDevice(ring, queue);
    }

    private void ReconcileRing(RingState ring)
    {
        if (!ring.IsStarted)
        {
            ring.WaitsFor = null;
            Stop(ring);
            return;
        }

        VirtqueueLayout? layout = Layouts.Find(ring, state.Memory, ring.Address, out LayoutProblem problem);
        if (layout is null)
        {
            Stop(ring);
            events.RingWaits(ring, problem);
            return;
        }

        ring.WaitsFor = null;
        if (ring.Queue is { } queue)
        {
            Update(ring, queue, layout);
        }
        else if (events.MayStart(ring))
        {
            Start(ring, layout);
        }
    }

    private void Start(RingState ring, VirtqueueLayout layout)
    {
        events.RingStarting(ring);
        uint position = RingPosition.Normalize(layout, ring.Base, out string? note);
        ring.Inflight = null;
        if (state.Inflight is { } area && area.IsPacked == state.IsPacked && ring.Index < area.QueueCount && ring.Size <= area.QueueSize)
        {
            ring.Inflight = RingPosition.Track(area, layout, ref position, ring.MayHaveInflight, out string? tracked);
            note = tracked ?? note;
        }

        if (note is not null)
        {
            events.RingRecovered(ring, note);
        }

        ring.MayHaveInflight = false;
        Virtqueue queue = Create(ring, layout with { Inflight = ring.Inflight }, position);
        queue.Kick = ring.Kick;
        queue.CallNotifier = ring.Call;
        queue.Enabled = ring.IsEnabled;
        StartOnDevice(ring, queue);
        events.RingStarted(ring, position);
    }

    private Virtqueue Create(RingState ring, VirtqueueLayout layout, uint position)
    {
        try
        {
            return options.CreateVirtqueue?.Invoke(layout, position) ?? VirtqueueFactory.Create(layout, position);
        }
        catch (ArgumentException e)
        {
            ring.IsStarted = false;
            ring.DropKick();
            throw new ProtocolException($"ring {ring.Index} could not be started: {e.Message}", e);
        }
    }

    /// <summary>All or nothing: the session has the ring once the device works on it, and neither has it when the device could not begin.</summary>
    private void StartOnDevice(RingState ring, Virtqueue queue)
    {
        try
        {
            events.Connect(ring, queue);
            device.StartQueue(queue);
            ring.Queue = queue;
        }
#pragma warning disable CA1031 // Whatever it fails of (an odd kick, no descriptor, a thread that ended), it is this ring that does not start.
        catch (Exception e)
        {
            ring.IsStarted = false;
            ring.Queue = null;
            ring.Base = queue.Base;
            ring.DropKick();
            queue.Layout.Log?.Flush();
            queue.Dispose();
            throw new ProtocolException($"ring {ring.Index} could not be started: {e.Message}", e);
        }
#pragma warning restore CA1031
    }

    private void Update(RingState ring, Virtqueue queue, VirtqueueLayout layout)
    {
        bool moved = layout != queue.Layout;
        if (!moved && queue.Enabled == ring.IsEnabled)
        {
            return;
        }

        queue.RunLocked(locked =>
        {
            locked.Enabled = ring.IsEnabled;
            if (moved)
            {
                locked.Layout.Log?.Flush();
                locked.Relocate(layout);
            }
        });
        device.QueueChanged(queue);
    }

    private void DisposeRetired()
    {
        foreach (IDisposable resource in _retired)
        {
            resource.Dispose();
        }

        _retired.Clear();
    }
}
