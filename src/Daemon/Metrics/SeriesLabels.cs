using System.Text;

namespace VhostNet.Daemon.Metrics;

/// <summary>The labels of a time series, made once: as text for Prometheus and as tags for System.Diagnostics.Metrics.</summary>
internal sealed class SeriesLabels
{
    private readonly byte[] _text;

    /// <summary>Makes labels.</summary>
    public SeriesLabels(params (string Name, string Value)[] labels)
    {
        Tags = [.. labels.Select(l => KeyValuePair.Create(l.Name, (object?)l.Value))];
        _text = Encoding.UTF8.GetBytes(string.Join(',', labels.Select(l => $"{l.Name}=\"{Escape(l.Value)}\"")));
    }

    /// <summary>Makes labels with those that an operator gave a port behind them.</summary>
    public SeriesLabels(IReadOnlyDictionary<string, string>? more, params (string Name, string Value)[] labels)
        : this([.. labels, .. (more ?? new Dictionary<string, string>()).Select(m => (m.Key, m.Value))])
    {
    }

    /// <summary>No labels.</summary>
    public static SeriesLabels None { get; } = new();

    /// <summary>As <c>name="value",…</c> in UTF-8.</summary>
    public ReadOnlySpan<byte> Text => _text;

    /// <summary>As tags.</summary>
    public KeyValuePair<string, object?>[] Tags { get; }

    // Label values of the Prometheus text format 0.0.4.
    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
