using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>
/// A session's state as plain data. Descriptors are numbers: places in <see cref="SessionSnapshot.Descriptors"/>. Members may be added, never changed, so that
/// another version of this program can read it.
/// </summary>
public sealed record SessionData
{
    /// <summary>The form that this version writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Form of the data.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>Virtio features that were offered.</summary>
    public ulong OfferedFeatures { get; init; }

    /// <summary>Protocol features that were offered.</summary>
    public ulong OfferedProtocolFeatures { get; init; }

    /// <summary>Whether features were acknowledged.</summary>
    public bool HasFeatures { get; init; }

    /// <summary>Virtio features that were acknowledged.</summary>
    public ulong Features { get; init; }

    /// <summary>Protocol features that were acknowledged.</summary>
    public ulong ProtocolFeatures { get; init; }

    /// <summary>The virtio device status.</summary>
    public byte Status { get; init; }

    /// <summary>Whether SET_OWNER came.</summary>
    public bool IsOwned { get; init; }

    /// <summary>The socket to the front end.</summary>
    public int Connection { get; init; } = -1;

    /// <summary>Bytes of a message that had not arrived wholly.</summary>
    public IReadOnlyList<byte> PartialInput { get; init; } = [];

    /// <summary>Descriptors of that message.</summary>
    public IReadOnlyList<int> PartialDescriptors { get; init; } = [];

    /// <summary>Guest memory.</summary>
    public IReadOnlyList<RegionData> Regions { get; init; } = [];

    /// <summary>Rings of which anything was told.</summary>
    public IReadOnlyList<RingData> Rings { get; init; } = [];

    /// <summary>I/O translations.</summary>
    public IReadOnlyList<IotlbEntry> Iotlb { get; init; } = [];

    /// <summary>The dirty log, or null.</summary>
    public SharedAreaData? Log { get; init; }

    /// <summary>The dirty log's notifier, -1 when there is none.</summary>
    public int LogNotifier { get; init; } = -1;

    /// <summary>The inflight area, or null.</summary>
    public InflightData? Inflight { get; init; }

    /// <summary>The socket for the back end's requests, -1 when there is none.</summary>
    public int BackendChannel { get; init; } = -1;

    /// <summary>Bytes of a reply on that socket that had not arrived wholly.</summary>
    public IReadOnlyList<byte> BackendPartialInput { get; init; } = [];

    /// <summary>Requests on that socket whose acknowledgements had not arrived.</summary>
    public IReadOnlyList<uint> BackendUnanswered { get; init; } = [];

    /// <summary>The device's own state.</summary>
    public IReadOnlyList<byte> DeviceState { get; init; } = [];
}
