using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Marks what a completed burst wrote into guest memory in the dirty log ("Migration" in the vhost-user specification).</summary>
internal static class WriteLogger
{
    /// <summary>Marks the bytes that were written into the first chains of a burst, when anything is logged.</summary>
    public static void MarkChains(VirtqueueLayout layout, ChainBurst burst, int count, bool mixed)
    {
        if (layout.Log is not { } log)
        {
            return;
        }

        for (int i = 0; i < count; i++)
        {
            MarkChain(layout, burst, i, mixed);
        }

        log.Flush();
    }

    /// <summary>Marks the bytes that were written into a chain; into its writable part, when it was peeked as a mixed one.</summary>
    public static void MarkChain(VirtqueueLayout layout, ChainBurst burst, int position, bool mixed = false)
    {
        Chain chain = burst[position];
        uint written = chain.Written;
        for (int i = mixed ? chain.ReadableCount : 0; i < chain.SegmentCount && written > 0; i++)
        {
            GuestSegment segment = burst.SegmentOf(in chain, i);
            uint length = Math.Min(segment.Length, written);
            MarkMapped(layout, (ulong)segment.Address, length);
            written -= length;
        }
    }

    /// <summary>Marks a mapped range. Behind a vIOMMU it may lie in two regions that are neighbours here and not for the guest.</summary>
    private static void MarkMapped(VirtqueueLayout layout, ulong address, ulong length)
    {
        while (length > 0 && layout.Host.TryFind(address, out MemoryWindow window))
        {
            // The host space maps our addresses to guest-physical ones: HostBase holds the region's guest address.
            ulong offset = address - window.Start;
            ulong here = Math.Min(length, window.Size - offset);
            layout.Log!.Mark((ulong)window.HostBase + offset, here);
            address += here;
            length -= here;
        }
    }

    /// <summary>
    /// Marks a write to a packed ring or its event area, when that ring is logged. A front end gives one log address only, the device area's (QEMU) or the
    /// ring's, and the two are not adjacent; so each is marked where it lies in guest memory.
    /// </summary>
    public static void MarkRing(VirtqueueLayout layout, nint address, ulong length)
    {
        if (layout.Log is { } log && layout.UsedLogAddress is not null && layout.Host.TryFind((ulong)address, out MemoryWindow window))
        {
            log.Mark((ulong)window.HostBase + ((ulong)address - window.Start), length);
        }
    }

    /// <summary>Marks a write to a split ring's used ring at an offset, when that ring is logged.</summary>
    public static void MarkUsed(VirtqueueLayout layout, ulong offset, ulong length)
    {
        if (layout.Log is { } log && layout.UsedLogAddress is { } address)
        {
            log.Mark(address + offset, length);
        }
    }
}
