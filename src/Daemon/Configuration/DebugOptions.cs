namespace VhostNet.Daemon.Configuration;

/// <summary>Switches that only tests need.</summary>
internal sealed record DebugOptions
{
    /// <summary>Adds a control request that blocks one IoThread for ever, so that the watchdog can be seen to fire.</summary>
    public bool Stall { get; init; }
}
