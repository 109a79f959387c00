using System.Globalization;

namespace VhostNet.Latency;

/// <summary>One scrape of the Prometheus text.</summary>
internal sealed class MetricValues(string text)
{
    private readonly string[] _lines = text.Split('\n');

    /// <summary>The sum of a metric's series, or of those whose labels contain a text.</summary>
    /// <exception cref="FormatException">The daemon has no such metric.</exception>
    public double Sum(string name, string label = "")
    {
        List<string> series = [.. _lines.Where(l => l.StartsWith(name, StringComparison.Ordinal) && l[name.Length] is '{' or ' ' && l.Contains(label, StringComparison.Ordinal))];
        return series.Count == 0
            ? throw new FormatException($"the daemon's metrics have no {name} with {label}")
            : series.Sum(l => double.Parse(l.AsSpan(l.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }
}
