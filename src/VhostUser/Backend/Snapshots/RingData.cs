using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>A ring in a <see cref="SessionData"/>; descriptors are -1 where there is none.</summary>
public sealed record RingData
{
    /// <summary>Number on the wire.</summary>
    public required int Index { get; init; }

    /// <summary>Descriptors, 0 when not told.</summary>
    public int Size { get; init; }

    /// <summary>Addresses, or null.</summary>
    public VringAddress? Address { get; init; }

    /// <summary>Position, or null.</summary>
    public uint? Base { get; init; }

    /// <summary>Whether it was started.</summary>
    public bool IsStarted { get; init; }

    /// <summary>Whether it was enabled.</summary>
    public bool IsEnabled { get; init; }

    /// <summary>Byte order, or null when not told.</summary>
    public bool? IsBigEndian { get; init; }

    /// <summary>The kick notifier.</summary>
    public int Kick { get; init; } = -1;

    /// <summary>Whether kicks come as messages.</summary>
    public bool IsKickInBand { get; init; }

    /// <summary>The call notifier.</summary>
    public int Call { get; init; } = -1;

    /// <summary>The error notifier.</summary>
    public int Error { get; init; } = -1;
}
