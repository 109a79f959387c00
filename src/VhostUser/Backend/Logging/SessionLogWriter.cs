namespace VhostNet.VhostUser.Backend.Logging;

/// <summary>Writes lines of one connection.</summary>
internal readonly struct SessionLogWriter(ISessionLog log, string connection)
{
    /// <summary>Whether debug lines go anywhere.</summary>
    public bool IsDebug => log.IsEnabled(SessionLogLevel.Debug);

    /// <summary>Writes a line.</summary>
    public void Write(SessionLogLevel level, string message) => log.Write(level, connection, message);

    /// <summary>Writes a debug line.</summary>
    public void Debug(string message) => log.Write(SessionLogLevel.Debug, connection, message);

    /// <summary>Writes a line about a transition.</summary>
    public void Info(string message) => log.Write(SessionLogLevel.Info, connection, message);

    /// <summary>Writes a warning.</summary>
    public void Warning(string message) => log.Write(SessionLogLevel.Warning, connection, message);
}
