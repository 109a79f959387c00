using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Where a ring's three areas are mapped and how they are to be used: everything that a virtqueue is built from, besides its position.</summary>
internal sealed record VirtqueueLayout
{
    /// <summary>Number of the ring on the wire: 2i is receive queue i, 2i + 1 transmit queue i.</summary>
    public required int Index { get; init; }

    /// <summary>Queue size in descriptors (1 to 32768; a power of two for split rings).</summary>
    public required int Size { get; init; }

    /// <summary>The negotiated virtio features, bit by bit (bit 34 chooses the packed layout).</summary>
    public required ulong Features { get; init; }

    /// <summary>Descriptor table, or descriptor ring of a packed queue: mapped address, 16 bytes for each descriptor.</summary>
    public required nint Descriptors { get; init; }

    /// <summary>Available ring (split: 6 + 2 × size bytes) or driver event suppression area (packed: 4 bytes): mapped address.</summary>
    public required nint Driver { get; init; }

    /// <summary>Used ring (split: 6 + 8 × size bytes) or device event suppression area (packed: 4 bytes): mapped address.</summary>
    public required nint Device { get; init; }

    /// <summary>Translates the addresses that descriptors hold.</summary>
    public required AddressSpace Buffers { get; init; }

    /// <summary>True when a legacy guest's ring has the other byte order than this machine (SET_VRING_ENDIAN).</summary>
    public bool SwapBytes { get; init; }

    /// <summary>Where written guest memory is marked, or null when nothing is logged.</summary>
    public IDirtyLog? Log { get; init; }

    /// <summary>Guest-physical address at which writes to the used ring are logged, or null when the ring's log flag is off.</summary>
    public ulong? UsedLogAddress { get; init; }

    /// <summary>From mapped addresses back to guest-physical ones, for the dirty log.</summary>
    public AddressSpace Host { get; init; } = AddressSpace.Empty;

    /// <summary>Records what is in flight, so that a restarted back end can continue; null when the front end keeps no such area.</summary>
    public IInflightTracker? Inflight { get; init; }

    /// <summary>Whether anything has to be told of what the device uses; mostly not.</summary>
    internal bool IsTracked => Log is not null || Inflight is not null;
}
