namespace VhostNet.Daemon.Configuration;

/// <summary>
/// All that the daemon is told to be: the configuration file, or the quick form's equivalent. Immutable and checked by <see cref="OptionsValidator"/>.
/// </summary>
internal sealed record DaemonOptions
{
    /// <summary>What error texts call the configuration: a file's name, or "command line".</summary>
    public string Source { get; init; } = "command line";

    /// <summary>Absolute path of the configuration file, or null without one.</summary>
    public string? File { get; init; }

    /// <summary>IoThreads that queues are placed on; when empty, as many as there are queues to serve, at most one per CPU.</summary>
    public IReadOnlyList<ThreadOptions> Threads { get; init; } = [];

    /// <summary>Networks.</summary>
    public IReadOnlyList<NetworkOptions> Networks { get; init; } = [];

    /// <summary>Ports.</summary>
    public IReadOnlyList<PortOptions> Ports { get; init; } = [];

    /// <summary>A directory in which the daemon remembers what it offered on each socket, or null to remember nothing over a restart.</summary>
    public string? StateDirectory { get; init; }

    /// <summary>The control API's socket, or null without one.</summary>
    public HttpListenOptions? Control { get; init; }

    /// <summary>Metrics for others.</summary>
    public MetricsOptions Metrics { get; init; } = new();

    /// <summary>How the process's descriptors are shared out.</summary>
    public DescriptorOptions Descriptors { get; init; } = new();

    /// <summary>Logging.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>Switches that only tests need.</summary>
    public DebugOptions Debug { get; init; } = new();

    /// <summary>The same, where errors call things by their names: in a configuration that changes, positions mean nothing.</summary>
    public DaemonOptions WithNamesAsPaths() => this with
    {
        Threads = [.. Threads.Select(t => t with { Path = $"threads.{t.Name}" })],
        Networks = [.. Networks.Select(n => n with { Path = $"networks.{n.Name}" })],
        Ports = [.. Ports.Select(p => p with { Path = $"ports.{p.Name}" })],
    };
}
