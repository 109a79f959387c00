using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Packed;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>Decides where a ring starts.</summary>
internal static unsafe class RingPosition
{
    /// <summary>The position of a packed ring that was never used: slot 0 with wrap bit 1, for both sides.</summary>
    public const uint PackedInitial = 0x8000_8000;

    /// <summary>
    /// Makes a position to start from out of what the front end said. A ring is always stopped with nothing in flight, so both sides of it stand at the same
    /// place. Where they don't, the back end before us died with chains in flight: those are taken again, from where the ring itself says that it stands. For a
    /// split ring that is its used index. A packed ring says it by its slots' flags, and is asked only whether the front end can be right: QEMU knows no
    /// position of a packed ring whose back end died, and gives the one from before; DPDK's virtio-user gives only the low half.
    /// </summary>
    /// <param name="layout">The ring's layout.</param>
    /// <param name="given">What the front end said, or null.</param>
    /// <param name="note">A sentence about a position that was corrected, or null.</param>
    public static uint Normalize(VirtqueueLayout layout, uint? given, out string? note)
    {
        note = null;
        if (!IsPacked(layout))
        {
            return ReadUsedIndex(layout);
        }

        PackedPosition position = PackedPosition.Decode((ushort)(given ?? PackedInitial));
        if (position.Slot >= layout.Size)
        {
            position = position with { Slot = 0 };
        }

        // In-order use leaves one used slot for a whole batch, which the scan takes for a chain.
        if ((layout.Features & VirtioFeatures.IN_ORDER) == 0 && PackedRingScan.TryRead(layout, out PackedRingScan scan)
            && position != scan.Position && position != scan.Other)
        {
            note = $"continues at 0x{scan.Position.Encoded:x}, where the ring's own flags say that it stands; the front end said 0x{position.Encoded:x}"
                + (scan.Other == scan.Position ? string.Empty : $" (0x{scan.Other.Encoded:x} is possible too: if the guest has no network, load its driver again)");
            position = scan.Position;
        }

        return position.Encoded | ((uint)position.Encoded << 16);
    }

    /// <summary>
    /// Starts a ring with an inflight area: takes over what the back end before us left in it, or makes it one with nothing in flight.
    /// </summary>
    /// <param name="area">The area.</param>
    /// <param name="layout">The ring's layout.</param>
    /// <param name="position">Where the ring would start without the area; where it starts, afterwards.</param>
    /// <param name="recover">Whether another back end may have used the area.</param>
    /// <param name="note">A sentence about what was found, or null.</param>
    public static IInflightTracker Track(InflightArea area, VirtqueueLayout layout, ref uint position, bool recover, out string? note)
    {
        note = null;
        if (IsPacked(layout))
        {
            var packed = new PackedInflightTracker(area, layout.Index);
            if (recover && packed.Recover((slot, wrap) => IsUsed(layout, slot, wrap)) is { } used && (used & 0x7fff) < layout.Size)
            {
                note = $"continues at 0x{used:x}, where the inflight area says that it stood";
                position = used | ((uint)used << 16);
            }

            packed.Reset((ushort)position);
            return packed;
        }

        var split = new SplitInflightTracker(area, layout.Index);
        ushort index = ReadUsedIndex(layout);
        if (recover && split.Recover(index) is { Length: > 0 } heads)
        {
            note = $"takes {heads.Length} chains again that were in flight when the back end before ended"
                + (AreNext(layout, index, heads) ? string.Empty : ", although they are not the next ones in the ring: that back end used them out of order");
        }

        split.Reset(index);
        return split;
    }

    private static bool IsPacked(VirtqueueLayout layout) => (layout.Features & VirtioFeatures.RING_PACKED) != 0;

    // SAFETY: the layout's device area was translated for the whole ring, so the used index at offset 2 is inside it; it is read once.
    private static ushort ReadUsedIndex(VirtqueueLayout layout) => Order(layout, Unsafe.ReadUnaligned<ushort>((byte*)layout.Device + 2));

    // SAFETY: as above; the driver area holds one 16-bit entry for each descriptor behind 4 bytes.
    private static bool AreNext(VirtqueueLayout layout, ushort index, ushort[] heads)
    {
        for (int i = 0; i < heads.Length; i++)
        {
            int slot = (ushort)(index + i) & (layout.Size - 1);
            if (Order(layout, Unsafe.ReadUnaligned<ushort>((byte*)layout.Driver + 4 + (2 * slot))) != heads[i])
            {
                return false;
            }
        }

        return true;
    }

    // SAFETY: as above; the descriptor area holds Size descriptors, the slot is below the area's queue size and is compared with Size here.
    private static bool IsUsed(VirtqueueLayout layout, int slot, bool wrap)
    {
        if (slot >= layout.Size)
        {
            return false;
        }

        ushort flags = Unsafe.ReadUnaligned<ushort>((byte*)layout.Descriptors + (slot * PackedDescriptor.Size) + 14);
        ushort used = wrap ? (ushort)(PackedDescriptor.F_AVAIL | PackedDescriptor.F_USED) : (ushort)0;
        return (flags & (PackedDescriptor.F_AVAIL | PackedDescriptor.F_USED)) == used;
    }

    private static ushort Order(VirtqueueLayout layout, ushort value) => layout.SwapBytes ? BinaryPrimitives.ReverseEndianness(value) : value;
}
