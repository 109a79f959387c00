using VhostNet.VhostUser.Backend.Quotas;

namespace VhostNet.Daemon.Metrics;

/// <summary>What of quotas is measured: what a port's outside makes us keep, and what it was refused.</summary>
internal static class QuotaReasons
{
    private static readonly SeriesLabels s_regions = Label("regions");
    private static readonly SeriesLabels s_descriptors = Label("descriptors");
    private static readonly SeriesLabels s_iotlbEntries = Label("iotlb_entries");
    private static readonly SeriesLabels s_closes = Label("closes_pending");
    private static readonly SeriesLabels s_flows = Label("flows");
    private static readonly SeriesLabels s_sockets = Label("sockets");
    private static readonly SeriesLabels s_reserve = Label("reserve");
    private static readonly SeriesLabels s_halfReceived = Label("half_received");
    private static readonly SeriesLabels s_silent = Label("silent");
    private static readonly SeriesLabels s_delayed = Label("connections_delayed");
    private static readonly SeriesLabels s_second = Label("second_front_end");
    private static readonly SeriesLabels s_logLines = Label("log_lines");
    private static readonly SeriesLabels s_jobs = Label("jobs");
    private static readonly SeriesLabels s_stuckNotifier = Label("stuck_notifier");
    private static readonly SeriesLabels s_loopback = Label("loopback");
    private static readonly SeriesLabels s_forwards = Label("forwards");

    /// <summary>All values of the label <c>what</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "regions", "descriptors", "iotlb_entries", "closes_pending", "flows", "sockets", "reserve", "half_received", "silent",
        "connections_delayed", "log_lines", "jobs",
        "stuck_notifier", "second_front_end", "loopback", "forwards",
    ];

    /// <summary>Passes on what ports keep at present.</summary>
    public static void CollectUse(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (!port.IsFirst)
            {
                continue;
            }

            if (port.Endpoint?.Quotas is { } session)
            {
                sink.Add(port.PortLabels, s_regions, session.Regions);
                sink.Add(port.PortLabels, s_descriptors, session.Descriptors);
                sink.Add(port.PortLabels, s_iotlbEntries, session.IotlbEntries);
                sink.Add(port.PortLabels, s_closes, session.ClosesPending);
            }
            else if (port.UserUse is { } user)
            {
                sink.Add(port.PortLabels, s_flows, user.Flows);
                sink.Add(port.PortLabels, s_sockets, user.Sockets);
            }
        }
    }

    /// <summary>Passes on what ports were refused.</summary>
    public static void CollectRefused(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (!port.IsFirst)
            {
                continue;
            }

            if (port.Endpoint?.Quotas is { } session)
            {
                AddSession(port.PortLabels, session, sink);
            }
            else if (port.UserUse is { } user)
            {
                sink.Add(port.PortLabels, s_flows, user.FlowsRefused);
                sink.Add(port.PortLabels, s_reserve, user.ReserveRefused);
                sink.Add(port.PortLabels, s_loopback, user.LoopbackRefused);
                sink.Add(port.PortLabels, s_forwards, user.ForwardsRefused);
            }
        }
    }

    private static void AddSession(SeriesLabels port, QuotaCounters session, IMetricSink sink)
    {
        sink.Add(port, s_regions, session.RegionsRefused);
        sink.Add(port, s_descriptors, session.DescriptorsRefused);
        sink.Add(port, s_reserve, session.ReserveRefused);
        sink.Add(port, s_halfReceived, session.HalfReceivedEnded);
        sink.Add(port, s_silent, session.SilentConnections);
        sink.Add(port, s_delayed, session.ConnectionsDelayed);
        sink.Add(port, s_second, session.SecondFrontEnds);
        sink.Add(port, s_logLines, session.LogLinesLeftOut);
        sink.Add(port, s_jobs, session.JobsRefused);
        sink.Add(port, s_iotlbEntries, session.IotlbEvicted);
        sink.Add(port, s_stuckNotifier, session.StuckNotifiers);
    }

    private static SeriesLabels Label(string what) => new(("what", what));
}
