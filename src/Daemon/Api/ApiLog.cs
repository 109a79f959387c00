using Microsoft.Extensions.Logging;

namespace VhostNet.Daemon.Api;

/// <summary>The log lines of this room: a method for each, whose event id is that of docs/metrics.md. Any thread.</summary>
internal static partial class ApiLog
{
    [LoggerMessage(401, LogLevel.Information, "Port {Port} is captured to {File}")]
    public static partial void CaptureBegun(this ILogger logger, string port, string file);

    [LoggerMessage(402, LogLevel.Information, "Port {Port} is not captured any more: {Frames} frames are in {File}")]
    public static partial void CaptureEnded(this ILogger logger, string port, long frames, string file);

    [LoggerMessage(403, LogLevel.Warning, "Thread {Thread} is blocked for ever, as a debug request asked for")]
    public static partial void Stalled(this ILogger logger, string thread);

    [LoggerMessage(404, LogLevel.Information, "Log level of {Source} is {Level} now, as the control API asked for")]
    public static partial void LevelSet(this ILogger logger, string source, string level);
}
