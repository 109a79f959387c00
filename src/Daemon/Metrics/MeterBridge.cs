using System.Diagnostics.Metrics;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Metrics;

/// <summary>Offers the metrics as observable instruments of the meter <c>VhostNet</c>, for OTLP export and for tools such as dotnet-counters.</summary>
internal sealed class MeterBridge : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "VhostNet";

    private readonly Meter _meter = new(MeterName, Product.Version);

    /// <summary>Makes the instruments.</summary>
    /// <param name="sources">Says what there is to measure whenever somebody asks.</param>
    public MeterBridge(Func<MetricSources> sources)
    {
        foreach (Metric metric in MetricCatalog.All)
        {
            var collector = new Collector(metric, sources);
            if (metric.IsCounter)
            {
                _meter.CreateObservableCounter(metric.Name, collector.Observe, metric.Unit, metric.Help);
            }
            else
            {
                _meter.CreateObservableGauge(metric.Name, collector.Observe, metric.Unit, metric.Help);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private sealed class Collector(Metric metric, Func<MetricSources> sources) : IMetricSink
    {
        // Several listeners may ask at the same time, each on a thread of its own, and each has read what it got before it asks on.
        [ThreadStatic]
        private static List<Measurement<long>>? s_values;

        public List<Measurement<long>> Observe()
        {
            List<Measurement<long>> values = s_values ??= [];
            values.Clear();
            metric.Collect(sources(), this);
            return values;
        }

        public void Add(SeriesLabels labels, SeriesLabels more, long value) =>
            s_values!.Add(new Measurement<long>(value, more.Tags.Length == 0 ? labels.Tags : [.. labels.Tags, .. more.Tags]));
    }
}
