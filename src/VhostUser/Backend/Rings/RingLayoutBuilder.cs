using System.Numerics;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>Derives a ring's layout from the session's state: sizes of its areas (virtio 1.3 sections 2.7 and 2.8), translation, alignment.</summary>
internal static class RingLayoutBuilder
{
    /// <summary>Builds the layout that <paramref name="ring"/> has under <paramref name="memory"/>; nothing is missing (<see cref="FindMissing"/>).</summary>
    /// <param name="state">The session's state.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="memory">The memory table in use, or one that is about to be.</param>
    /// <param name="where">The ring's addresses, or ones that are about to be.</param>
    /// <param name="problem">What is missing or wrong, when the result is null.</param>
    public static VirtqueueLayout? Build(SessionState state, RingState ring, MemoryTable memory, VringAddress where, out LayoutProblem problem)
    {
        bool packed = state.IsPacked;
        ulong deviceBytes = packed ? 4 : UsedRingBytes(state, ring);
        ulong driverBytes = packed ? 4 : 4 + (2 * (ulong)ring.Size) + EventBytes(state);
        if (Translate(state, ring, memory, new Area("descriptor area", where.Descriptor, 16 * (ulong)ring.Size, 16, packed), out nint descriptors) is { } first)
        {
            problem = first;
            return null;
        }

        if (Translate(state, ring, memory, new Area("driver area", where.Available, driverBytes, packed ? 4 : 2, false), out nint driver) is { } second)
        {
            problem = second;
            return null;
        }

        if (Translate(state, ring, memory, new Area("device area", where.Used, deviceBytes, 4, true), out nint device) is { } third)
        {
            problem = third;
            return null;
        }

        bool logs = state.DirtyLog is not null && state.HasVirtio(VirtioFeatures.LOG_ALL);
        bool logsUsed = logs && (where.Flags & VringAddress.LogFlag) != 0;
        ulong logged = packed ? 16 * (ulong)ring.Size : deviceBytes;
        if (logsUsed && (where.Log + logged < logged || where.Log + logged > state.DirtyLog!.PageCount << DirtyLogArea.PageShift))
        {
            problem = new LayoutProblem(
                $"the log address 0x{where.Log:x} of ring {ring.Index}, {logged} bytes, lies outside the dirty log, which ends at " +
                $"0x{state.DirtyLog!.PageCount << DirtyLogArea.PageShift:x}");
            return null;
        }

        problem = default;
        return new VirtqueueLayout
        {
            Index = ring.Index,
            Size = ring.Size,
            Features = state.Features & ~VirtioFeatures.PROTOCOL_FEATURES,
            Descriptors = descriptors,
            Driver = driver,
            Device = device,
            Buffers = state.BufferSpace(memory),
            SwapBytes = ring.IsEndianSet && ring.IsBigEndian == BitConverter.IsLittleEndian && !state.HasVirtio(VirtioFeatures.VERSION_1),
            Log = logs ? ring.LogFor(state.DirtyLog!) : null,
            UsedLogAddress = logsUsed ? where.Log : null,
            Host = memory.Host,
            Inflight = ring.Inflight,
        };
    }

    /// <summary>What has to be told or changed before the ring can have any layout; null when nothing.</summary>
    public static LayoutProblem? FindMissing(SessionState state, RingState ring, MemoryTable memory, VringAddress? address)
    {
        string? missing = !state.HasFeatures ? "SET_FEATURES"
            : ring.Size == 0 ? "SET_VRING_NUM"
            : address is null ? "SET_VRING_ADDR"
            : memory.Regions.Count == 0 ? "guest memory"
            : null;
        if (missing is not null)
        {
            return new LayoutProblem(missing, IsIncomplete: true);
        }

        return !state.IsPacked && !BitOperations.IsPow2(ring.Size)
            ? new LayoutProblem($"a size that is a power of two, as split rings need, instead of {ring.Size}")
            : null;
    }

    private static ulong EventBytes(SessionState state) => state.HasVirtio(VirtioFeatures.EVENT_IDX) ? 2UL : 0UL;

    private static ulong UsedRingBytes(SessionState state, RingState ring) => 4 + (8 * (ulong)ring.Size) + EventBytes(state);

    private static LayoutProblem? Translate(SessionState state, RingState ring, MemoryTable memory, Area area, out nint host)
    {
        AddressSpace space = state.RingSpace(memory);
        host = 0;
        if (!space.TryFind(area.Address, out MemoryWindow window) || !window.TryTranslate(area.Address, area.Length, out host)
            || (area.IsWritten && !window.Writable))
        {
            return state.HasIommu
                ? FindMiss(space, ring, area)
                : new LayoutProblem(
                    $"the {area.Name} of ring {ring.Index} at 0x{area.Address:x}, {area.Length} bytes, is not inside one region of guest " +
                    "memory");
        }

        return (host & (area.Alignment - 1)) != 0
            ? new LayoutProblem($"the {area.Name} of ring {ring.Index} at 0x{area.Address:x} is not aligned to {area.Alignment} bytes")
            : null;
    }

    /// <summary>Finds the first address of an area that has no usable translation.</summary>
    private static LayoutProblem FindMiss(AddressSpace space, RingState ring, Area area)
    {
        // A translation has a page at least; more pieces than that are no IOMMU's, and would make each message take long.
        ulong piecesMax = (area.Length / 4096) + 2;
        ulong done = 0;
        for (ulong piece = 0;
            piece < piecesMax && done < area.Length && space.TryFind(area.Address + done, out MemoryWindow window) && (window.Writable || !area.IsWritten);
            piece++)
        {
            done += window.Size - (area.Address + done - window.Start);
        }

        string text = $"a translation of the {area.Name} of ring {ring.Index} at I/O address 0x{area.Address + Math.Min(done, area.Length):x}";
        return done < area.Length
            ? new LayoutProblem(text, area.Address + done, area.IsWritten, IsIncomplete: true)
            : new LayoutProblem($"{text} that is contiguous: its pages do not follow each other in guest memory");
    }

    private readonly record struct Area(string Name, ulong Address, ulong Length, int Alignment, bool IsWritten);
}
