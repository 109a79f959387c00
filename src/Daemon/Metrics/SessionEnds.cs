using VhostNet.VhostUser.Backend.Session;

namespace VhostNet.Daemon.Metrics;

/// <summary>The names of the reasons for which sessions end.</summary>
internal static class SessionEnds
{
    /// <summary>Every reason, by number.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetNames<SessionEnd>().Select(DropReasons.ToSnakeCase)];

    private static readonly SeriesLabels[] s_labels = [.. Names.Select(n => new SeriesLabels(("reason", n)))];

    /// <summary>Passes on how many sessions of each port ended for each reason.</summary>
    public static void Collect(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (port is { IsFirst: true, Endpoint: { } endpoint })
            {
                for (int reason = 0; reason < s_labels.Length; reason++)
                {
                    sink.Add(port.PortLabels, s_labels[reason], endpoint.EndCount((SessionEnd)reason));
                }
            }
        }
    }
}
