using System.Buffers;
using System.Buffers.Text;

namespace VhostNet.Daemon.Metrics;

/// <summary>
/// Writes all metrics in the Prometheus text format 0.0.4, without garbage: a scrape every second must not bring a collection nearer, which would stop the
/// threads that poll rings. One writer serves one scrape at a time.
/// </summary>
internal sealed class PrometheusText : IMetricSink
{
    /// <summary>The format's media type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const int ValueDigitsMax = 20;
    private IBufferWriter<byte>? _output;
    private Metric? _metric;

    /// <summary>Writes everything that there is to say at present.</summary>
    public void Write(MetricSources sources, IBufferWriter<byte> output)
    {
        _output = output;
        for (int i = 0; i < MetricCatalog.All.Count; i++)
        {
            Metric metric = _metric = MetricCatalog.All[i];
            output.Write(metric.PrometheusHeader);
            metric.Collect(sources, this);
        }

        _output = null;
        _metric = null;
    }

    /// <inheritdoc/>
    public void Add(SeriesLabels labels, SeriesLabels more, long value)
    {
        ReadOnlySpan<byte> name = _metric!.PrometheusNameUtf8;
        ReadOnlySpan<byte> first = labels.Text;
        ReadOnlySpan<byte> second = more.Text;
        Span<byte> line = _output!.GetSpan(name.Length + first.Length + second.Length + ValueDigitsMax + 5);
        int at = Append(line, 0, name);
        if (first.Length + second.Length > 0)
        {
            line[at++] = (byte)'{';
            at = Append(line, at, first);
            if (first.Length > 0 && second.Length > 0)
            {
                line[at++] = (byte)',';
            }

            at = Append(line, at, second);
            line[at++] = (byte)'}';
        }

        line[at++] = (byte)' ';
        _ = Utf8Formatter.TryFormat(value, line[at..], out int digits);
        at += digits;
        line[at++] = (byte)'\n';
        _output.Advance(at);
    }

    private static int Append(Span<byte> line, int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(line[at..]);
        return at + text.Length;
    }
}
