using Serilog.Events;

namespace VhostNet.Daemon.Configuration;

/// <summary>The names of log levels on the command line and in the configuration.</summary>
internal static class LogLevels
{
    /// <summary>Level by name.</summary>
    public static IReadOnlyDictionary<string, LogEventLevel> ByName { get; } = new Dictionary<string, LogEventLevel>(StringComparer.Ordinal)
    {
        ["trace"] = LogEventLevel.Verbose,
        ["debug"] = LogEventLevel.Debug,
        ["info"] = LogEventLevel.Information,
        ["warning"] = LogEventLevel.Warning,
        ["error"] = LogEventLevel.Error,
    };

    /// <summary>The name of a level; one above <c>error</c> counts as that.</summary>
    public static string NameOf(LogEventLevel level) => ByName.FirstOrDefault(l => l.Value == level).Key ?? "error";
}
