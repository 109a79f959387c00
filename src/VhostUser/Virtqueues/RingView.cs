namespace VhostNet.VhostUser.Virtqueues;

/// <summary>What anybody may read of a ring, without its lock and after its end: nothing of it is guest memory. Values may be a burst old.</summary>
public sealed class RingView
{
    private readonly Virtqueue _queue;

    internal RingView(Virtqueue queue)
    {
        _queue = queue;
        IsPacked = (queue.Layout.Features & VirtioFeatures.RING_PACKED) != 0;
        Index = queue.Layout.Index;
        Size = queue.Layout.Size;
    }

    /// <summary>Number of the ring on the wire.</summary>
    public int Index { get; }

    /// <summary>Queue size in descriptors.</summary>
    public int Size { get; }

    /// <summary>Whether the ring has the packed layout.</summary>
    public bool IsPacked { get; }

    /// <summary><see cref="Virtqueue.Enabled"/>.</summary>
    public bool Enabled => _queue.Enabled;

    /// <summary><see cref="Virtqueue.IsBroken"/>.</summary>
    public bool IsBroken => _queue.IsBroken;

    /// <summary><see cref="Virtqueue.LastError"/>.</summary>
    public ChainStatus LastError => _queue.LastError;

    /// <summary>Whether the guest's kicks arrive by a notifier.</summary>
    public bool IsKicked => _queue.Kick is not null;

    /// <summary>Whether the guest is interrupted.</summary>
    public bool IsCalled => _queue.CallNotifier is not null || _queue.CallInBand is not null;

    /// <summary>What the ring did so far.</summary>
    public ref VirtqueueCounters Counters => ref _queue.Counters;

    /// <summary>
    /// <see cref="Virtqueue.Base"/>: where the ring stands, or stood when it ended. While a packed ring is worked on its two halves may be a burst apart.
    /// </summary>
    public uint Base => _queue.Base;
}
