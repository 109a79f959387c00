using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Packed;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>
/// Reads from a packed ring where its device stands (virtio 1.3 section 2.8). The driver writes the AVAIL bit of every slot that it hands over, so that bit
/// changes at the driver's place; the device writes the USED bit of a chain's first slot only. From the driver's place back to the last used slot lie the
/// chains that are available, and before them perhaps the rest of the chain that was used last. Nothing here is exact when a driver reuses the id of the chain
/// used last at once and its chains take several slots: then <see cref="Other"/> is the second place that the ring allows.
/// </summary>
internal readonly unsafe struct PackedRingScan
{
    private const ushort StateBits = PackedDescriptor.F_AVAIL | PackedDescriptor.F_USED;
    private const int AttemptsMax = 64;

    /// <summary>Most bytes read for one ring: four times the longest.</summary>
    private const int ReadMax = 4 * 32_768 * PackedDescriptor.Size;

    // Kept: a front end that starts its ring again and again must not make garbage of half a megabyte each time.
    [ThreadStatic]
    private static PackedDescriptor[]? s_slots;

    private PackedRingScan(PackedPosition position, PackedPosition other)
    {
        Position = position;
        Other = other;
    }

    /// <summary>Where the device stands.</summary>
    public PackedPosition Position { get; }

    /// <summary>Where it could stand as well; the same in most rings.</summary>
    public PackedPosition Other { get; }

    /// <summary>Most bytes that <see cref="TryRead"/> reads of a ring with so many slots: what is to be taken from a turn's budget for it.</summary>
    public static int BytesMax(int size) => AttemptsOf(size) * size * PackedDescriptor.Size;

    /// <summary>
    /// Reads a ring that its driver may be filling meanwhile. A short ring is read again until its slots are in order, as a driver fills it in no time; of a
    /// long one, which takes long to read, a driver that goes on filling it is near its end after a few attempts.
    /// </summary>
    /// <returns>False for a ring that nobody has used yet, and for one that no driver can have left like this: its AVAIL bits change more than once.</returns>
    public static bool TryRead(VirtqueueLayout layout, out PackedRingScan scan)
    {
        PackedDescriptor[] slots = s_slots is { } kept && kept.Length == layout.Size ? kept : s_slots = new PackedDescriptor[layout.Size];
        for (int i = 0; i < AttemptsOf(layout.Size); i++)
        {
            // A slot that was read just before its driver wrote it, and the next one just after, look like a ring that is not in order.
            Copy(layout, slots);
            if (Array.TrueForAll(slots, slot => (slot.flags & StateBits) == 0))
            {
                break;
            }

            if (FindDriver(slots) is { } driver)
            {
                scan = Evaluate(slots, driver);
                return true;
            }
        }

        scan = default;
        return false;
    }

    private static int AttemptsOf(int size) => Math.Min(AttemptsMax, ReadMax / (size * PackedDescriptor.Size));

    // SAFETY: the layout's descriptor area was translated for Size descriptors. Each slot is read once; what came of it is only compared.
    private static void Copy(VirtqueueLayout layout, PackedDescriptor[] slots) =>
        new ReadOnlySpan<PackedDescriptor>((void*)layout.Descriptors, layout.Size).CopyTo(slots);

    /// <summary>Where the driver makes its next slot available: before it the AVAIL bits show its wrap counter, from there on the other value.</summary>
    private static PackedPosition? FindDriver(PackedDescriptor[] slots)
    {
        bool wrap = IsSet(slots[0], PackedDescriptor.F_AVAIL);
        int at = Array.FindIndex(slots, slot => IsSet(slot, PackedDescriptor.F_AVAIL) != wrap);
        if (at < 0)
        {
            return new PackedPosition(0, !wrap);
        }

        return Array.FindIndex(slots, at, slot => IsSet(slot, PackedDescriptor.F_AVAIL) == wrap) < 0 ? new PackedPosition(at, wrap) : null;
    }

    private static PackedRingScan Evaluate(PackedDescriptor[] slots, PackedPosition driver)
    {
        int size = slots.Length;
        int length = 0;
        while (length < size && !IsUsed(slots[Index(driver.Slot - 1 - length, size)]))
        {
            length++;
        }

        PackedPosition start = Back(driver, length, size);
        if (length == 0)
        {
            return new PackedRingScan(start, start);
        }

        int last = 0;
        while (last < length - 1 && IsSet(slots[Index(start.Slot + last, size)], SplitDescriptor.F_NEXT))
        {
            last++;
        }

        // The id stands in a chain's last slot. Another one than that of the chain used last: these slots are no rest of it. Without any used slot they may
        // be the rest of one whose first slot was made available again.
        ushort id = slots[Index(start.Slot + last, size)].id;
        bool isChain = IsSet(slots[start.Slot], SplitDescriptor.F_INDIRECT) || (length < size && id != slots[Index(start.Slot - 1, size)].id);
        PackedPosition behind = start.Advance(last + 1, size);
        if (isChain)
        {
            return new PackedRingScan(start, start);
        }

        if (IsOutstanding(slots, start.Slot + last + 1, length - last - 1, id))
        {
            return new PackedRingScan(behind, behind);
        }

        return HasLongChains(slots, start.Slot, length) ? new PackedRingScan(behind, start) : new PackedRingScan(start, behind);
    }

    /// <summary>Whether one of the chains in a stretch of the ring has an id: no other one that is available can have it.</summary>
    private static bool IsOutstanding(PackedDescriptor[] slots, int start, int length, ushort id)
    {
        for (int i = 0; i < length; i++)
        {
            PackedDescriptor slot = slots[(start + i) % slots.Length];
            if (!IsSet(slot, SplitDescriptor.F_NEXT) && slot.id == id)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether the driver ever makes chains of several slots: the flags say so, or slots that nobody marked as used outside of what is available.
    /// </summary>
    private static bool HasLongChains(PackedDescriptor[] slots, int start, int length)
    {
        for (int i = 0; i < slots.Length; i++)
        {
            PackedDescriptor slot = slots[Index(start + i, slots.Length)];
            if (IsUsed(slot) ? false : i >= length || IsSet(slot, SplitDescriptor.F_NEXT))
            {
                return true;
            }
        }

        return false;
    }

    private static PackedPosition Back(PackedPosition place, int slots, int size) =>
        slots > place.Slot ? new PackedPosition(place.Slot - slots + size, !place.Wrap) : place with { Slot = place.Slot - slots };

    private static int Index(int slot, int size) => slot < 0 ? slot + size : slot >= size ? slot - size : slot;

    private static bool IsUsed(PackedDescriptor slot) => (slot.flags & StateBits) is 0 or StateBits;

    private static bool IsSet(PackedDescriptor slot, ushort bit) => (slot.flags & bit) != 0;
}
