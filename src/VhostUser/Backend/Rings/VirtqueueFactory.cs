using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Packed;
using VhostNet.VhostUser.Virtqueues.Split;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>Chooses the virtqueue implementation that fits what was negotiated.</summary>
internal static class VirtqueueFactory
{
    /// <summary>Builds the device's side of a ring. Control thread.</summary>
    /// <param name="layout">Where the ring lies and which features are negotiated.</param>
    /// <param name="ringBase">Where to start, as SET_VRING_BASE gives it.</param>
    /// <exception cref="ArgumentException">The size does not fit the ring format.</exception>
    public static Virtqueue Create(VirtqueueLayout layout, uint ringBase)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (layout.Size is < 1 or > 32768)
        {
            throw new ArgumentException($"queue {layout.Index} has size {layout.Size}; a ring has 1 to 32768 descriptors", nameof(layout));
        }

        if ((layout.Features & VirtioFeatures.RING_PACKED) != 0)
        {
            return new PackedVirtqueue(layout, ringBase);
        }

        if (!System.Numerics.BitOperations.IsPow2(layout.Size))
        {
            throw new ArgumentException($"queue {layout.Index} has size {layout.Size}; a split ring's size is a power of two", nameof(layout));
        }

        return layout.SwapBytes ? new SplitVirtqueue<SwappedOrder>(layout, ringBase) : new SplitVirtqueue<NativeOrder>(layout, ringBase);
    }
}
