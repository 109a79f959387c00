namespace VhostNet.Daemon.Api;

/// <summary>Marks connections that came in by the Prometheus listener: they may read metrics and health, and nothing else.</summary>
internal sealed class MetricsOnly
{
    private MetricsOnly()
    {
    }

    /// <summary>The mark.</summary>
    public static MetricsOnly Instance { get; } = new();
}
