using System.Numerics;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>Derives a ring's layout from the session's state: sizes of its areas (virtio 1.3 sections 2.7 and 2.8), translation, alignment.</summary>
internal static class RingLayoutBuilder
{
    /// <summary>Builds the layout that <paramref name="ring"/> has under <paramref name="memory"/>.</summary>
    /// <param name="state">The session's state.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="memory">The memory table in use, or one that is about to be.</param>
    /// <param name="address">The ring's addresses, or ones that are about to be.</param>
    /// <param name="problem">What is missing or wrong, when the result is null.</param>
    public static VirtqueueLayout? Build(SessionState state, RingState ring, MemoryTable memory, VringAddress? address, out string problem)
    {
        problem = FindMissing(state, ring, memory, address);
        if (problem.Length != 0)
        {
            return null;
        }

        VringAddress where = address!.Value;
        AddressSpace space = state.RingSpace(memory);
        bool packed = state.IsPacked;
        ulong size = (ulong)ring.Size;
        ulong eventBytes = state.HasVirtio(VirtioFeatures.EVENT_IDX) ? 2UL : 0UL;
        ulong driverBytes = packed ? 4 : 4 + (2 * size) + eventBytes;
        ulong deviceBytes = packed ? 4 : 4 + (8 * size) + eventBytes;
        if (!TryTranslate(space, ring, "descriptor area", where.Descriptor, 16 * size, 16, out nint descriptors, ref problem)
            || !TryTranslate(space, ring, "driver area", where.Available, driverBytes, packed ? 4 : 2, out nint driver, ref problem)
            || !TryTranslate(space, ring, "device area", where.Used, deviceBytes, 4, out nint device, ref problem))
        {
            return null;
        }

        return new VirtqueueLayout
        {
            Index = ring.Index,
            Size = ring.Size,
            Features = state.Features & ~VirtioFeatures.PROTOCOL_FEATURES,
            Descriptors = descriptors,
            Driver = driver,
            Device = device,
            Buffers = SessionState.BufferSpace(memory),
            SwapBytes = ring.IsBigEndian == BitConverter.IsLittleEndian && !state.HasVirtio(VirtioFeatures.VERSION_1) && ring.IsEndianSet,
            Host = memory.Host,
        };
    }

    private static string FindMissing(SessionState state, RingState ring, MemoryTable memory, VringAddress? address)
    {
        if (!state.HasFeatures)
        {
            return "SET_FEATURES";
        }

        if (ring.Size == 0)
        {
            return "SET_VRING_NUM";
        }

        if (address is null)
        {
            return "SET_VRING_ADDR";
        }

        if (memory.Regions.Count == 0)
        {
            return "guest memory";
        }

        return !state.IsPacked && !BitOperations.IsPow2(ring.Size) ? $"a size that is a power of two, as split rings need, instead of {ring.Size}" : string.Empty;
    }

    private static bool TryTranslate(
        AddressSpace space, RingState ring, string area, ulong address, ulong length, int alignment, out nint host, ref string problem)
    {
        if (!space.TryTranslate(address, length, out host))
        {
            problem = $"the {area} of ring {ring.Index} at 0x{address:x}, {length} bytes, is not inside one region of guest memory";
            return false;
        }

        if ((host & (alignment - 1)) != 0)
        {
            problem = $"the {area} of ring {ring.Index} at 0x{address:x} is not aligned to {alignment} bytes";
            return false;
        }

        return true;
    }
}
