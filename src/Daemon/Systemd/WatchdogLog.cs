using Microsoft.Extensions.Logging;

namespace VhostNet.Daemon.Systemd;

/// <summary>The log lines of this room: a method for each, whose event id is that of docs/metrics.md. Any thread.</summary>
internal static partial class WatchdogLog
{
    [LoggerMessage(101, LogLevel.Error, "Thread {Thread} stands still: it is stuck in a callback; the service manager is not told that we are alive")]
    public static partial void ThreadStuck(this ILogger logger, StuckThread thread);

    [LoggerMessage(102, LogLevel.Warning, "All threads move again")]
    public static partial void AllMove(this ILogger logger);
}
