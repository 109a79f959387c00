using Microsoft.Extensions.Logging;

namespace VhostNet.Daemon.Changes;

/// <summary>The log lines of this room: a method for each, whose event id is that of docs/metrics.md. Any thread.</summary>
internal static partial class ChangesLog
{
    [LoggerMessage(301, LogLevel.Information, "{Item} was {Change}, as the configuration file has it")]
    public static partial void CarriedOut(this ILogger logger, string item, string change);

    [LoggerMessage(302, LogLevel.Information, "{Item} was {Change} over the control API{Persisted}")]
    public static partial void Changed(this ILogger logger, string item, string change, string persisted);

    [LoggerMessage(303, LogLevel.Warning, "A change that took too long to be answered was refused: {Reason}")]
    public static partial void RefusedLate(this ILogger logger, string reason);

    [LoggerMessage(304, LogLevel.Error, "SIGHUP could not be answered; what runs goes on. Please report it")]
    public static partial void ReloadFailed(this ILogger logger, Exception exception);

    [LoggerMessage(
        305, LogLevel.Information,
        "SIGHUP: log files are opened anew; started by a command line, the daemon has no configuration file to read again")]
    public static partial void NothingToReload(this ILogger logger);

    [LoggerMessage(306, LogLevel.Error, "SIGHUP: {Reason}; nothing is changed, log files are opened anew")]
    public static partial void FileRefused(this ILogger logger, string reason);

    [LoggerMessage(307, LogLevel.Information, "SIGHUP: {File} was read again, {Changes} made, log files are opened anew")]
    public static partial void Reloaded(this ILogger logger, string file, string changes);

    [LoggerMessage(308, LogLevel.Warning, "SIGHUP: not all of {File} is in force: {Needs}{And}{Refused}")]
    public static partial void NotAllInForce(this ILogger logger, string file, string needs, string and, string refused);
}
