using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Queues;

/// <summary>The guest's receive buffers that were peeked last, and what was put into them. Under the ring's lock, but for the counters.</summary>
// SAFETY: indices lie below the number of chains peeked, and stay below ChainsMax; a chain's segments were checked when it was peeked.
internal sealed unsafe class RxBuffers : IDisposable
{
    /// <summary>Frames given to the guest, and what could not be.</summary>
    public FrameCounters Counters;

    /// <summary>The buffers.</summary>
    public ChainBurst Chains { get; } = new();

    /// <summary>In what form the guest wants frames.</summary>
    public RxFormat Format { get; set; } = new(VirtioNetHeader.Size, false, false, Offloads.None, false);

    /// <summary>
    /// Chains that the last peek found and that did not suffice for the next frame. Looking again when the sender gives up would count what came meanwhile
    /// among them.
    /// </summary>
    public int Insufficient { get; set; }

    /// <inheritdoc/>
    public void Dispose() => Chains.Dispose();

    /// <summary>Finds the last chain that is needed for a number of bytes, or -1; stops at a malformed chain and returns its index.</summary>
    public int FindCapacity(int first, int chains, uint needed, out bool malformed)
    {
        ulong capacity = 0;
        malformed = false;
        for (int i = first; i < chains; i++)
        {
            Chain* chain = Chains.Chains + i;
            if (chain->IsMalformed || (i == first && chain->TotalLength < Format.HeaderSize))
            {
                malformed = true;
                return i;
            }

            capacity += chain->TotalLength;
            if (capacity >= needed)
            {
                return i;
            }

            if (!Format.IsMergeable)
            {
                return -1;
            }
        }

        return -1;
    }

    /// <summary>Counts a receive chain that is well formed and has no room for a header, among the malformed ones.</summary>
    public void RefuseShort(Virtqueue queue, int position)
    {
        if (!Chains[position].IsMalformed)
        {
            queue.RefuseChain(position);
        }
    }

    /// <summary>Notes that chains hold a number of bytes together, each as much as it can before the next.</summary>
    public void SetWritten(int first, int last, uint total)
    {
        for (int i = first; i <= last; i++)
        {
            Chain* chain = Chains.Chains + i;
            chain->Written = Math.Min(chain->TotalLength, total);
            total -= chain->Written;
        }
    }

    /// <summary>A guest sees only what it may be told: segmentation and checksum fields as they came, without flags that it did not ask for.</summary>
    public VirtioNetHeader HeaderForGuest(in VirtioNetHeader header) => header with { Flags = (byte)(header.Flags & Format.GuestFlags), NumBuffers = 0 };

    /// <summary>Shows the first chains of the last peek to the guest.</summary>
    public void Publish(Virtqueue queue, int used)
    {
        // Long frames lose by it, up to 8 % at 1518 bytes, and what the first frame is the others mostly are.
        if (Format.Demotes && used > 0 && Chains.Chains->Written <= MemoryCopy.ShortMax)
        {
            CacheDemotion.Beginnings(Chains.Chains, used);
        }

        queue.Complete(used);
    }
}
