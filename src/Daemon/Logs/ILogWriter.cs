using Serilog.Events;

namespace VhostNet.Daemon.Logs;

/// <summary>Where a <see cref="SinkThread"/> writes its lines. Its thread alone calls it; both members may block.</summary>
internal interface ILogWriter : IDisposable
{
    /// <summary>Writes one event.</summary>
    /// <returns>Whether it was written; if not, it is lost.</returns>
    bool Write(LogEvent line);
}
