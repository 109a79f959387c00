using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Docs;

/// <summary>Every log line of the daemon has an event id of its own, and its row in the manual.</summary>
public sealed class LogEventTests
{
    private static readonly (string Name, LoggerMessageAttribute Event)[] s_events =
    [
        .. typeof(ExitCode).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Select(m => (m.Name, Event: m.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(m => m.Event is not null)
            .Select(m => (m.Name, m.Event!)),
    ];

    [Fact]
    public void EveryEventHasItsRow()
    {
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "docs", "metrics.md"));
        Assert.InRange(s_events.Length, 25, 200);
        Assert.Equal(s_events.Length, s_events.Select(e => e.Event.EventId).Distinct().Count());
        Assert.Equal(s_events.Length, s_events.Select(e => e.Name).Distinct().Count());
        Assert.DoesNotContain(s_events.Select(Row), r => !manual.Contains(r, StringComparison.Ordinal));
        Assert.Equal(s_events.Length, Regex.Count(manual, @"\n\| \d{3} \| [a-z ]+ \| `"));
    }

    /// <summary>Nobody writes a line past the table.</summary>
    [Fact]
    public void NoLineIsWrittenWithoutAnEvent()
    {
        IEnumerable<string> files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Daemon"), "*.cs", SearchOption.AllDirectories);
        Assert.Empty(files
            .Where(f => Regex.IsMatch(File.ReadAllText(f), @"ogger\.Log(Trace|Debug|Information|Warning|Error|Critical)?\("))
            .Select(Path.GetFileName));
    }

    private static string Row((string Name, LoggerMessageAttribute Event) line)
    {
        string level = line.Event.Level == LogLevel.None ? "as it is" : line.Event.Level.ToString().ToLowerInvariant();
        return $"\n| {line.Event.EventId} | {level} | `{line.Name}` | {line.Event.Message} |\n";
    }
}
