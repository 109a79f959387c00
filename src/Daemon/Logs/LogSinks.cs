using System.Diagnostics;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// The log: to stderr, and to a file if one is configured. Each is written by a thread of its own, so that no loop waits for a disk or a terminal, nor one of
/// them for the other. Until the daemon is ready stderr's lines are held back: whatever keeps it from starting shall be the only one. Any thread.
/// </summary>
internal sealed class LogSinks
{
    // Those of the host, which repeat what the daemon says itself.
    private static readonly (string Source, LogEventLevel Level)[] s_quiet =
    [
        ("Microsoft", LogEventLevel.Warning),
        // What keeps the host from starting is reported by Program, in one line.
        ("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal),
    ];

    // The rooms that log: each has a level of its own from the start, so that it can be set at any time.
    private static readonly string[] s_rooms =
    [
        "VhostNet.VhostUser", "VhostNet.Daemon", "VhostNet.Daemon.Api", "VhostNet.Daemon.Changes", "VhostNet.Daemon.Hosting", "VhostNet.Daemon.Systemd",
    ];

    private readonly SinkThread _stderr;
    private readonly SinkThread _file;
    private readonly Action<LogOptions> _reopen;
    private readonly LoggingLevelSwitch _level;
    private readonly Dictionary<string, LoggingLevelSwitch> _sources = new(StringComparer.Ordinal);
    private volatile LogOptions _levels;

    private LogSinks(LogOptions options, ILogWriter stderr)
    {
        // Who asks for that much wants to see how far a start comes that does not come to its end.
        _stderr = new SinkThread("stderr", stderr, isHeld: options.Level > LogEventLevel.Debug);
        var file = new LogFile(options, new JournalFormatter(forJournal: false), TimeProvider.System, sentence => Logger?.Warning("{Sentence:l}", sentence));
        _file = new SinkThread("file", file);
        _reopen = file.Reopen;
        _level = new LoggingLevelSwitch(options.Level);
        _levels = options;
        LoggerConfiguration configuration = new LoggerConfiguration().MinimumLevel.ControlledBy(_level);
        foreach (string source in s_quiet.Select(q => q.Source).Concat(s_rooms).Concat(options.Sources.Keys).Distinct())
        {
            _sources[source] = new LoggingLevelSwitch(LevelOf(source, options));
            configuration.MinimumLevel.Override(source, _sources[source]);
        }

        Logger = configuration.WriteTo.Sink(_stderr).WriteTo.Sink(_file).CreateLogger();
    }

    /// <summary>How long the end of the daemon waits for the last lines to be written.</summary>
    public static TimeSpan EndLimit { get; } = TimeSpan.FromMilliseconds(500);

    /// <summary>What lines are written with.</summary>
    public Logger Logger { get; }

    /// <summary>The sinks, to count what they lose.</summary>
    public IReadOnlyList<SinkThread> All => [_stderr, _file];

    /// <summary>Opens the log.</summary>
    /// <param name="options">What is logged, and where to.</param>
    /// <param name="stderr">Another place for the lines of stderr, for tests.</param>
    /// <exception cref="RefusalException">The log file can't be written.</exception>
    public static LogSinks Open(LogOptions options, ILogWriter? stderr = null)
    {
        if (options.File is { } file)
        {
            // Before there are threads.
            LogFile.Check(file);
        }

        return new LogSinks(options, stderr ?? new StderrWriter(new JournalFormatter(JournalStream.IsStderr)));
    }

    /// <summary>The daemon is ready: what stderr was not told yet it is told now.</summary>
    public void Release() => _stderr.Release();

    /// <summary>The daemon does not start, for a reason that is said elsewhere: stderr is not told what was in front of it.</summary>
    public void Refuse() => _stderr.Release(dropHeld: true);

    /// <summary>Opens the log file anew, or the one that the options name now. Waits for no disk.</summary>
    public void Reopen(LogOptions options) => _file.Post(() => _reopen(options));

    /// <summary>The levels in force: <see cref="LogOptions.Level"/> and <see cref="LogOptions.Sources"/>.</summary>
    public LogOptions Levels => _levels;

    /// <summary>The sources that can be given a level of their own while the daemon runs: its rooms, and what had one at the start.</summary>
    public IReadOnlyList<string> Sources => [.. _sources.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Sets the levels.</summary>
    /// <returns>The sources among them that had no level of their own at the start and can't be given one any more.</returns>
    public IReadOnlyList<string> SetLevels(LogOptions options)
    {
        _levels = options;
        _level.MinimumLevel = options.Level;
        foreach ((string source, LoggingLevelSwitch level) in _sources)
        {
            level.MinimumLevel = LevelOf(source, options);
        }

        return [.. options.Sources.Keys.Where(s => !_sources.ContainsKey(s)).Order(StringComparer.Ordinal)];
    }

    // Its own level, that of the host's noise, or that of what it is a part of.
    private static LogEventLevel LevelOf(string source, LogOptions options)
    {
        for (string? part = source; part is not null; part = part.LastIndexOf('.') is >= 0 and var dot ? part[..dot] : null)
        {
            if (options.Sources.TryGetValue(part, out LogEventLevel own))
            {
                return own;
            }

            if (s_quiet.FirstOrDefault(q => q.Source == part) is { Source: not null } quiet)
            {
                return quiet.Level;
            }
        }

        return options.Level;
    }

    /// <summary>Has all sinks write what waits, and waits for them together no longer than <see cref="EndLimit"/>.</summary>
    public void End()
    {
        long start = Stopwatch.GetTimestamp();
        foreach (SinkThread sink in All)
        {
            sink.BeginEnd();
        }

        foreach (SinkThread sink in All)
        {
            TimeSpan left = EndLimit - Stopwatch.GetElapsedTime(start);
            sink.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }
}
