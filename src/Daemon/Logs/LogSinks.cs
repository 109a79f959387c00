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

    private readonly SinkThread _stderr;
    private readonly SinkThread _file;
    private readonly Action<LogOptions> _reopen;
    private readonly LoggingLevelSwitch _level;
    private readonly Dictionary<string, LoggingLevelSwitch> _sources = new(StringComparer.Ordinal);

    private LogSinks(LogOptions options, ILogWriter stderr)
    {
        // Who asks for that much wants to see how far a start comes that does not come to its end.
        _stderr = new SinkThread("stderr", stderr, isHeld: options.Level > LogEventLevel.Debug);
        var file = new LogFile(options, new JournalFormatter(forJournal: false), TimeProvider.System, sentence => Logger?.Warning("{Sentence:l}", sentence));
        _file = new SinkThread("file", file);
        _reopen = file.Reopen;
        _level = new LoggingLevelSwitch(options.Level);
        LoggerConfiguration configuration = new LoggerConfiguration().MinimumLevel.ControlledBy(_level);
        foreach ((string source, LogEventLevel level) in s_quiet)
        {
            _sources[source] = new LoggingLevelSwitch(level);
        }

        foreach ((string source, LogEventLevel level) in options.Sources)
        {
            _sources[source] = new LoggingLevelSwitch(level);
        }

        foreach ((string source, LoggingLevelSwitch level) in _sources)
        {
            configuration.MinimumLevel.Override(source, level);
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

    /// <summary>Sets the levels.</summary>
    /// <returns>The sources among them that had no level of their own at the start and can't be given one any more.</returns>
    public IReadOnlyList<string> SetLevels(LogOptions options)
    {
        _level.MinimumLevel = options.Level;
        foreach ((string source, LoggingLevelSwitch level) in _sources)
        {
            LogEventLevel otherwise = s_quiet.FirstOrDefault(q => q.Source == source) is { Source: not null } quiet ? quiet.Level : options.Level;
            level.MinimumLevel = options.Sources.TryGetValue(source, out LogEventLevel own) ? own : otherwise;
        }

        return [.. options.Sources.Keys.Where(s => !_sources.ContainsKey(s)).Order(StringComparer.Ordinal)];
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
