using Microsoft.Extensions.Logging;
using VhostNet.VhostUser.Backend.Logging;

namespace VhostNet.Daemon.Hosting;

/// <summary>Passes what vhost-user sessions say on to the daemon's log.</summary>
internal sealed class SessionLog(ILogger logger) : ISessionLog
{
    /// <inheritdoc/>
    public bool IsEnabled(SessionLogLevel level) => logger.IsEnabled(Map(level));

    /// <inheritdoc/>
    public void Write(SessionLogLevel level, string connection, string message) => logger.SessionSaid(Map(level), connection, message);

    private static LogLevel Map(SessionLogLevel level) => level switch
    {
        SessionLogLevel.Debug => LogLevel.Debug,
        SessionLogLevel.Info => LogLevel.Information,
        SessionLogLevel.Warning => LogLevel.Warning,
        _ => LogLevel.Error,
    };
}
