using Serilog.Events;

namespace VhostNet.Daemon.Configuration;

/// <summary>Logging.</summary>
internal sealed record LogOptions
{
    /// <summary>Least severe level that is written.</summary>
    public LogEventLevel Level { get; init; } = LogEventLevel.Information;

    /// <summary>Levels of single sources (a namespace or the beginning of one), which win over <see cref="Level"/>.</summary>
    public IReadOnlyDictionary<string, LogEventLevel> Sources { get; init; } = new Dictionary<string, LogEventLevel>();

    /// <summary>A file that is written besides stderr, or null.</summary>
    public string? File { get; init; }

    /// <summary>Size in MiB at which a new log file is begun.</summary>
    public int FileMegabytes { get; init; } = 64;

    /// <summary>How many full log files are kept.</summary>
    public int FilesKept { get; init; } = 4;
}
