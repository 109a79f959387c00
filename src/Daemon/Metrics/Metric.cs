using System.Text;

namespace VhostNet.Daemon.Metrics;

/// <summary>One thing that is measured, for every series that it has. Values are read when somebody asks; nothing is kept in between.</summary>
internal sealed class Metric
{
    private readonly Action<MetricSources, IMetricSink> _collect;
    private readonly byte[] _prometheusName;
    private readonly byte[] _prometheusHeader;

    /// <summary>Defines a metric.</summary>
    /// <param name="name">Its name, as in <c>vhostnet.queue.frames</c>.</param>
    /// <param name="isCounter">True when it only grows, false for a state.</param>
    /// <param name="unit">Its unit as UCUM writes it: <c>By</c>, <c>s</c>, <c>{frame}</c>.</param>
    /// <param name="help">What it says, in one sentence.</param>
    /// <param name="collect">Reads the values of all series.</param>
    public Metric(string name, bool isCounter, string unit, string help, Action<MetricSources, IMetricSink> collect)
    {
        Name = name;
        IsCounter = isCounter;
        Unit = unit;
        Help = help;
        _collect = collect;
        PrometheusName = ToPrometheus(name, isCounter, unit);
        _prometheusName = Encoding.UTF8.GetBytes(PrometheusName);
        _prometheusHeader = Encoding.UTF8.GetBytes($"# HELP {PrometheusName} {help}\n# TYPE {PrometheusName} {(isCounter ? "counter" : "gauge")}\n");
    }

    /// <summary>The name, as OpenTelemetry spells names.</summary>
    public string Name { get; }

    /// <summary>The name, as Prometheus spells names.</summary>
    public string PrometheusName { get; }

    /// <summary>True when it only grows.</summary>
    public bool IsCounter { get; }

    /// <summary>The unit.</summary>
    public string Unit { get; }

    /// <summary>What it says.</summary>
    public string Help { get; }

    /// <summary><see cref="PrometheusName"/> in UTF-8.</summary>
    public ReadOnlySpan<byte> PrometheusNameUtf8 => _prometheusName;

    /// <summary>The lines that stand before the values in the Prometheus text format.</summary>
    public ReadOnlySpan<byte> PrometheusHeader => _prometheusHeader;

    /// <summary>Reads all values. Any thread; allocates nothing of its own.</summary>
    public void Collect(MetricSources sources, IMetricSink sink) => _collect(sources, sink);

    private static string ToPrometheus(string name, bool isCounter, string unit)
    {
        string text = name.Replace('.', '_');
        string suffix = unit switch
        {
            "By" => "_bytes",
            "s" => "_seconds",
            _ => string.Empty,
        };
        text = text.EndsWith(suffix, StringComparison.Ordinal) ? text : text + suffix;
        return isCounter ? text + "_total" : text;
    }
}
