using Serilog;
using Serilog.Core;
using Serilog.Events;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// Builds the log: to stderr, and to a file if one is configured; each is written by a thread of its own, so that no loop waits for a disk or a terminal, nor one of
/// them for the other. What a full queue has no room for is lost.
/// </summary>
internal static class LogSetup
{
    private const int QueueLength = 10_000;

    /// <summary>How long the end of the daemon waits for the last lines to be written.</summary>
    public static readonly TimeSpan EndLimit = TimeSpan.FromMilliseconds(300);

    /// <summary>Builds the log.</summary>
    /// <exception cref="StartupException">The log file can't be written.</exception>
    public static Logger Create(LogOptions options)
    {
        LoggerConfiguration configuration = new LoggerConfiguration()
            .MinimumLevel.Is(options.Level)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // What keeps the host from starting is reported by Program, in one line.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal);
        foreach ((string source, LogEventLevel level) in options.Sources)
        {
            configuration.MinimumLevel.Override(source, level);
        }

        CheckFile(options.File);
        configuration.WriteTo.Async(
            sinks => sinks.Console(new JournalFormatter(JournalStream.IsStderr), standardErrorFromLevel: LogEventLevel.Verbose), QueueLength);
        if (options.File is { } file)
        {
            configuration.WriteTo.Async(
                sinks => sinks.File(
                    new JournalFormatter(forJournal: false),
                    file,
                    fileSizeLimitBytes: options.FileMegabytes * 1024L * 1024L,
                    rollOnFileSizeLimit: true,
                    retainedFileCountLimit: options.FilesKept),
                QueueLength);
        }

        return configuration.CreateLogger();
    }

    // The sink would only complain to its own diagnostics and write nothing.
    private static void CheckFile(string? file)
    {
        if (file is null)
        {
            return;
        }

        try
        {
            using FileStream probe = File.Open(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(ExitCode.Resource, $"log.file: {file} can't be written: {e.Message.TrimEnd('.')}", e);
        }
    }
}
