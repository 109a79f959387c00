using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>What a queue remembers of a peeked burst until it is completed, in native memory that is allocated once. Guarded by the ring's lock.</summary>
// SAFETY: the array has room for a whole burst, is freed only by Dispose, which leaves a null pointer, and every index comes from a count that a peek has
// limited to the burst's size.
internal sealed unsafe class PendingChains : IDisposable
{
    private static readonly nuint s_bytes = ChainBurst.ChainsMax * (nuint)sizeof(UsedElement);

    private readonly RingAllocator _allocator = RingAllocator.Current;

    public PendingChains() => Elements = (UsedElement*)_allocator.Allocate(s_bytes);

    ~PendingChains() => Free();

    /// <summary>The chains of the burst; null once disposed of.</summary>
    public UsedElement* Elements { get; private set; }

    /// <summary>Tells the in-flight tracker that the first chains are taken and about to be shown as used.</summary>
    public void TrackBefore(IInflightTracker tracker, int count, ushort usedIndex)
    {
        Span<ushort> ids = stackalloc ushort[count];
        CopyIds(ids);
        tracker.Take(ids);
        tracker.BeforePublish(ids, usedIndex);
    }

    /// <summary>Tells the in-flight tracker that the used ring shows the first chains.</summary>
    public void TrackAfter(IInflightTracker tracker, int count, ushort usedIndex)
    {
        Span<ushort> ids = stackalloc ushort[count];
        CopyIds(ids);
        tracker.AfterPublish(ids, usedIndex);
    }

    /// <summary>Ring slots that the first chains take together (packed).</summary>
    public int Slots(int count)
    {
        uint slots = 0;
        for (int i = 0; i < count; i++)
        {
            slots += Elements[i].Slots;
        }

        return (int)slots;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void CopyIds(Span<ushort> ids)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = (ushort)Elements[i].Id;
        }
    }

    private void Free()
    {
        UsedElement* elements = Elements;
        Elements = null;
        if (elements is not null)
        {
            _allocator.Free((nint)elements, s_bytes);
        }
    }
}
