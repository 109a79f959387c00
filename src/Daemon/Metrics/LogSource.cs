using VhostNet.Daemon.Logs;

namespace VhostNet.Daemon.Metrics;

/// <summary>A sink of the log whose losses are counted.</summary>
internal sealed class LogSource(SinkThread sink)
{
    /// <summary>The labels of the sink's series.</summary>
    public SeriesLabels Labels { get; } = new(("sink", sink.Name));

    /// <summary>Lines lost so far.</summary>
    public long Lost => sink.Lost;
}
