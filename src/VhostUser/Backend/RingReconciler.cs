using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Makes the virtqueues what the session's state says they should be: after each message that touches rings, <see cref="Reconcile"/> compares the two and
/// starts, stops or moves rings. Nothing else starts or stops one. Control thread.
/// </summary>
internal sealed class RingReconciler(SessionState state, IVhostUserDevice device, SessionOptions options, IRingEvents events)
{
    private readonly List<IDisposable> _retired = [];

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

        device.StopQueue(queue);
        queue.Layout.Log?.Flush();
        ring.Base = queue.Base;
        ring.Queue = null;
        queue.Dispose();
        events.RingStopped(ring);
    }

    /// <summary>Stops everything: the session ends.</summary>
    public void StopAll()
    {
        foreach (RingState ring in state.Rings)
        {
            Stop(ring);
        }

        DisposeRetired();
    }

    /// <summary>Takes a running ring from the device, changes it, and gives it back.</summary>
    public void Restart(RingState ring, Action<Virtqueue> change)
    {
        Virtqueue queue = ring.Queue!;
        device.StopQueue(queue);
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

        VirtqueueLayout? layout = RingLayoutBuilder.Build(state, ring, state.Memory, ring.Address, out LayoutProblem problem);
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
        layout = layout with { Inflight = ring.Inflight };
        Virtqueue queue = options.CreateVirtqueue(layout, position);
        queue.Kick = ring.Kick;
        queue.CallNotifier = ring.Call;
        queue.Enabled = ring.IsEnabled;
        events.Connect(ring, queue);
        ring.Queue = queue;
        StartOnDevice(ring, queue);
        events.RingStarted(ring, position);
    }

    private void StartOnDevice(RingState ring, Virtqueue queue)
    {
        try
        {
            device.StartQueue(queue);
        }
        catch (ErrnoException e)
        {
            // The kick descriptor can't be waited on: a file, or something else that no front end should send.
            ring.IsStarted = false;
            ring.Queue = null;
            ring.Base = queue.Base;
            ring.DropKick();
            queue.Dispose();
            throw new ProtocolException($"ring {ring.Index} could not be started: {e.Message}", e);
        }
    }

    private void Update(RingState ring, Virtqueue queue, VirtqueueLayout layout)
    {
        bool moved = layout != queue.Layout;
        if (!moved && queue.Enabled == ring.IsEnabled)
        {
            return;
        }

        queue.Lock.Enter();
        try
        {
            queue.Enabled = ring.IsEnabled;
            if (moved)
            {
                queue.Layout.Log?.Flush();
                queue.Relocate(layout);
            }
        }
        finally
        {
            queue.Lock.Exit();
        }

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
