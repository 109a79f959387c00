namespace VhostNet.Daemon.Configuration;

/// <summary>Export of metrics by OTLP.</summary>
/// <param name="Endpoint">Address of the collector.</param>
internal sealed record OtlpOptions(Uri Endpoint)
{
    /// <summary>True for HTTP with protobuf bodies, false for gRPC.</summary>
    public bool IsHttp { get; init; }

    /// <summary>Seconds between two exports.</summary>
    public int IntervalSeconds { get; init; } = 15;
}
