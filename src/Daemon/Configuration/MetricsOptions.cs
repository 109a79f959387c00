namespace VhostNet.Daemon.Configuration;

/// <summary>Metrics for others to read.</summary>
internal sealed record MetricsOptions
{
    /// <summary>Where Prometheus may scrape, besides the control socket; null for nowhere.</summary>
    public HttpListenOptions? Prometheus { get; init; }

    /// <summary>Where metrics are pushed to by OTLP; null for nowhere.</summary>
    public OtlpOptions? Otlp { get; init; }
}
