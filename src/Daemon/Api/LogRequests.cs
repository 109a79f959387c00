using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serilog.Events;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Logs;

namespace VhostNet.Daemon.Api;

/// <summary>Requests that show and set what is logged, until the configuration file is read again or the daemon ends. Any thread.</summary>
/// <param name="log">The log.</param>
/// <param name="logger">Where changes are reported.</param>
internal sealed class LogRequests(LogSinks log, ILogger logger)
{
    private readonly Lock _lock = new();

    /// <summary>Does what a request asks for; <see cref="Write"/> shows the outcome.</summary>
    /// <exception cref="RefusalException">The request is wrong; nothing has changed.</exception>
    /// <exception cref="MethodNotAllowedException">It neither shows nor sets levels.</exception>
    public Task HandleAsync(HttpContext context) => context.Request.Method switch
    {
        "GET" => Task.CompletedTask,
        "PATCH" => SetAsync(context),
        _ => throw new MethodNotAllowedException(context.Request, "GET and PATCH"),
    };

    /// <summary>Writes the levels in force, and the sources that can have one of their own.</summary>
    public void Write(Utf8JsonWriter json)
    {
        LogOptions levels = log.Levels;
        json.WriteStartObject();
        json.WriteString("level"u8, LogLevels.NameOf(levels.Level));
        json.WriteStartObject("sources"u8);
        foreach (string source in levels.Sources.Keys.Order(StringComparer.Ordinal))
        {
            json.WriteString(source, LogLevels.NameOf(levels.Sources[source]));
        }

        json.WriteEndObject();
        json.WriteStartArray("known"u8);
        foreach (string source in log.Sources)
        {
            json.WriteStringValue(source);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private async Task SetAsync(HttpContext context)
    {
        var section = ConfigSection.Root(await RequestBody.ReadAsync(context, "{\"level\": \"debug\"}").ConfigureAwait(false));
        LogEventLevel? level = section.Choice("level", LogLevels.ByName);
        Dictionary<string, LogEventLevel?> sources = section.Section("sources") is { } list ? ReadSources(list) : [];
        section.End();
        lock (_lock)
        {
            LogOptions before = log.Levels;
            var own = new Dictionary<string, LogEventLevel>(before.Sources, StringComparer.Ordinal);
            foreach ((string source, LogEventLevel? wanted) in sources)
            {
                _ = wanted is { } set ? own[source] = set : own.Remove(source, out LogEventLevel old) ? old : default;
            }

            log.SetLevels(before with { Level = level ?? before.Level, Sources = own });
        }

        if (level is { } all)
        {
            logger.LevelSet("all sources", LogLevels.NameOf(all));
        }

        foreach ((string source, LogEventLevel? wanted) in sources)
        {
            logger.LevelSet(source, wanted is { } set ? LogLevels.NameOf(set) : "that of what it is a part of");
        }
    }

    private Dictionary<string, LogEventLevel?> ReadSources(ConfigSection list)
    {
        var sources = new Dictionary<string, LogEventLevel?>(StringComparer.Ordinal);
        foreach (string source in list.OtherKeys())
        {
            if (!log.Sources.Contains(source, StringComparer.Ordinal))
            {
                throw list.Error(source, $"no such source of log lines; {Suggestion.Clause(source, log.Sources)}");
            }

            sources[source] = list.Choice(source, LogLevels.ByName);
        }

        return sources;
    }
}
