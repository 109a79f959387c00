using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Metrics;

/// <summary>Pushes the meter's values to a collector. Its libraries are loaded only when it is made.</summary>
internal sealed class OtlpExport : IDisposable
{
    /// <summary>How long the end of the daemon waits for a collector to take the last values.</summary>
    public static readonly TimeSpan EndLimit = TimeSpan.FromMilliseconds(300);

    // The runtime's own: collections, heap, threads, processor time.
    private const string RuntimeMeter = "System.Runtime";

    private readonly MeterProvider _provider;

    private OtlpExport(MeterProvider provider) => _provider = provider;

    /// <summary>Begins to push.</summary>
    public static OtlpExport Start(OtlpOptions options)
    {
        MeterProvider provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(r => r.AddService("vhostnetd", serviceVersion: Product.Version))
            .AddMeter(MeterBridge.MeterName)
            .AddMeter(RuntimeMeter)
            .AddOtlpExporter((exporter, reader) =>
            {
                exporter.Endpoint = options.Endpoint;
                exporter.Protocol = options.IsHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = options.IntervalSeconds * 1000;
            })
            .Build();
        return new OtlpExport(provider);
    }

    /// <summary>Pushes the last values; a collector that does not take them within <see cref="EndLimit"/> does without. Not on a loop's thread.</summary>
    public void Dispose() => Bounded.Run(_provider.Dispose, EndLimit);
}
