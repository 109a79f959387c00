using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads how long frames wait for a guest that is gone, for the kinds of ports whose outside keeps them.</summary>
internal static class HoldTime
{
    /// <summary>Longest time, in milliseconds: what waits longer is of no use to anybody.</summary>
    private const int MsMax = 60_000;

    /// <summary>Reads the key <c>holdMs</c>.</summary>
    public static TimeSpan Read(ConfigSection section) =>
        section.Int("holdMs", 0, MsMax) is { } ms ? TimeSpan.FromMilliseconds(ms) : Port.DefaultHoldTime;
}
