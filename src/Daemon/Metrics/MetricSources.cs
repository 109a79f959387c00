namespace VhostNet.Daemon.Metrics;

/// <summary>What there is to measure at present. Immutable: the composition publishes a new one when a port comes or goes.</summary>
internal sealed record MetricSources
{
    /// <summary>Nothing to measure yet.</summary>
    public static MetricSources Empty { get; } = new();

    /// <summary>The queues of all guests.</summary>
    public QueueSource[] Queues { get; init; } = [];

    /// <summary>All ports.</summary>
    public PortSource[] Ports { get; init; } = [];

    /// <summary>The control thread and all IoThreads.</summary>
    public ThreadSource[] Threads { get; init; } = [];

    /// <summary>The names of all networks.</summary>
    public string[] Networks { get; init; } = [];

    /// <summary>All networks that are switches.</summary>
    public SwitchSeries[] Switches { get; init; } = [];

    /// <summary>The sinks of the log.</summary>
    public LogSource[] Logs { get; init; } = [];
}
