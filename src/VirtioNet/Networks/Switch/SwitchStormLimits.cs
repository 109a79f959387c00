namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>Most frames per second that a port may send to everybody; 0 doesn't limit. What exceeds it is dropped and counted.</summary>
public sealed record SwitchStormLimits
{
    /// <summary>Broadcast frames per second.</summary>
    public long BroadcastPerSecond { get; init; }

    /// <summary>Multicast frames per second.</summary>
    public long MulticastPerSecond { get; init; }

    /// <summary>Frames per second to addresses that the switch doesn't know.</summary>
    public long UnknownPerSecond { get; init; }

    /// <summary>True when nothing is limited.</summary>
    internal bool IsUnlimited => BroadcastPerSecond <= 0 && MulticastPerSecond <= 0 && UnknownPerSecond <= 0;
}
