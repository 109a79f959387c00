using System.Text.Json;

namespace VhostNet.Daemon.Handover;

/// <summary>
/// All that another process needs to go on. Descriptors are places in the list that comes along. Members may be added, never changed: a version that is newer
/// by one release reads this one, and this one reads that one's.
/// </summary>
internal sealed record HandoverState
{
    /// <summary>The form that this version writes.</summary>
    public const int Newest = 1;

    /// <summary>The oldest form that this version reads.</summary>
    public const int Oldest = 1;

    /// <summary>The form.</summary>
    public int Version { get; init; } = Newest;

    /// <summary>The version of the program that wrote it, for the log.</summary>
    public string Product { get; init; } = string.Empty;

    /// <summary>Ports.</summary>
    public IReadOnlyList<PortRecord> Ports { get; init; } = [];

    /// <summary>Networks.</summary>
    public IReadOnlyList<NetworkRecord> Networks { get; init; } = [];

    /// <summary>Sockets that listen; only in the first state.</summary>
    public IReadOnlyList<SocketRecord> Sockets { get; init; } = [];

    /// <summary>The configuration; only in the first state.</summary>
    public ConfigurationRecord? Configuration { get; init; }

    /// <summary>The service manager, or null; only in the first state.</summary>
    public ManagerRecord? Manager { get; init; }

    /// <summary>Place of what decides which process goes on; only in the last state.</summary>
    public int Baton { get; init; } = -1;

    /// <summary>When the old process began to hold frames, in nanoseconds of the monotonic clock; only in the last state.</summary>
    public long HeldSinceNs { get; init; }

    /// <summary>The state as bytes (JSON).</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, HandoverJson.Default.HandoverState);

    /// <summary>Reads it back.</summary>
    /// <exception cref="InvalidDataException">It can't be understood.</exception>
    public static HandoverState FromBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            HandoverState state = JsonSerializer.Deserialize(bytes, HandoverJson.Default.HandoverState)
                ?? throw new InvalidDataException("the state is empty");
            return state.Version is >= Oldest and <= Newest
                ? state
                : throw new InvalidDataException($"the state has form {state.Version}; this program reads {Oldest} to {Newest}");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"the state is damaged: {e.Message}", e);
        }
    }
}
