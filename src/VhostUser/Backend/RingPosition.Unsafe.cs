using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>Decides where a ring starts.</summary>
internal static unsafe class RingPosition
{
    /// <summary>The position of a packed ring that was never used: slot 0 with wrap bit 1, for both sides.</summary>
    public const uint PackedInitial = 0x8000_8000;

    /// <summary>
    /// Makes a position to start from out of what the front end said. A ring is always stopped with nothing in flight, so both sides of it stand at the same
    /// place. Where they don't, the back end before us died with chains in flight: those are taken again, from the used index that the ring itself holds. A
    /// packed ring has no such index, and some front ends (DPDK's virtio-user) give only the low half of its position.
    /// </summary>
    // SAFETY: the layout's device area was translated for the whole ring, so the used index at offset 2 is inside it; it is read once.
    public static uint Normalize(VirtqueueLayout layout, uint? given)
    {
        if ((layout.Features & VirtioFeatures.RING_PACKED) != 0)
        {
            uint available = (given ?? PackedInitial) & 0xffff;
            if ((available & 0x7fff) >= (uint)layout.Size)
            {
                available &= 0x8000;
            }

            return available | (available << 16);
        }

        ushort used = Unsafe.ReadUnaligned<ushort>((byte*)layout.Device + 2);
        return layout.SwapBytes ? BinaryPrimitives.ReverseEndianness(used) : used;
    }
}
