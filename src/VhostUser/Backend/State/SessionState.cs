using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.State;

/// <summary>All that the front end has said so far. Handlers change it after they succeeded; nothing else happens here. Control thread.</summary>
internal sealed class SessionState : IDisposable
{
    /// <summary>Creates the state of a new connection.</summary>
    public SessionState(int ringCount)
    {
        Rings = new RingState[ringCount];
        for (int i = 0; i < ringCount; i++)
        {
            Rings[i] = new RingState(i);
        }
    }

    /// <summary>Acknowledged virtio and vhost features, bit 30 included.</summary>
    public ulong Features { get; set; }

    /// <summary>Whether SET_FEATURES came.</summary>
    public bool HasFeatures { get; set; }

    /// <summary>Acknowledged protocol features.</summary>
    public ulong ProtocolFeatures { get; set; }

    /// <summary>Whether SET_OWNER came.</summary>
    public bool IsOwned { get; set; }

    /// <summary>The virtio device status.</summary>
    public byte Status { get; set; }

    /// <summary>Guest memory.</summary>
    public MemoryTable Memory { get; set; } = MemoryTable.Empty;

    /// <summary>I/O translations, in use when ACCESS_PLATFORM is acknowledged.</summary>
    public Iotlb Iotlb { get; } = new();

    /// <summary>The dirty log, or null.</summary>
    public DirtyLogArea? DirtyLog { get; set; }

    /// <summary>The inflight area, or null.</summary>
    public InflightArea? Inflight { get; set; }

    /// <summary>The rings by number.</summary>
    public RingState[] Rings { get; }

    /// <summary>Whether ring formats are packed.</summary>
    public bool IsPacked => HasVirtio(VirtioFeatures.RING_PACKED);

    /// <summary>Whether any ring runs.</summary>
    public bool AnyRunning => Array.Exists(Rings, r => r.Queue is not null);

    /// <summary>Whether all of a virtio feature mask are acknowledged.</summary>
    public bool HasVirtio(ulong mask) => (Features & mask) == mask;

    /// <summary>Whether all of a protocol feature mask are acknowledged.</summary>
    public bool HasProtocol(ulong mask) => (ProtocolFeatures & mask) == mask;

    /// <summary>Whether the guest is a legacy one that said that it is big-endian (SET_VRING_ENDIAN), which concerns configuration space too.</summary>
    public bool IsBigEndianGuest => HasFeatures && !HasVirtio(VirtioFeatures.VERSION_1) && Rings.Any(r => r is { IsEndianSet: true, IsBigEndian: true });

    /// <summary>Whether a vIOMMU stands between the guest's addresses and memory.</summary>
    public bool HasIommu => HasVirtio(VirtioFeatures.ACCESS_PLATFORM);

    /// <summary>The space that ring addresses are in ("Memory access"): ACCESS_PLATFORM wins over GPA_ADDRESSES.</summary>
    public AddressSpace RingSpace(MemoryTable memory) =>
        HasIommu ? Iotlb.GetSpace(memory) : HasProtocol(Protocol.ProtocolFeatures.GPA_ADDRESSES) ? memory.Guest : memory.User;

    /// <summary>The space that descriptors' addresses are in.</summary>
    public AddressSpace BufferSpace(MemoryTable memory) => HasIommu ? Iotlb.GetSpace(memory) : memory.Guest;

    /// <summary>Gives back memory, log and inflight area; no ring uses them any more.</summary>
    public void Dispose()
    {
        foreach (RingState ring in Rings)
        {
            ring.Dispose();
        }

        Memory.Dispose();
        Memory = MemoryTable.Empty;
        DirtyLog?.Dispose();
        DirtyLog = null;
        Inflight?.Dispose();
        Inflight = null;
    }
}
