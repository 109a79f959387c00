using VhostNet.VhostUser.Backend.Logging;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Keeps what was logged.</summary>
internal sealed class RecordingLog : ISessionLog
{
    public List<string> Lines { get; } = [];

    public bool IsEnabled(SessionLogLevel level) => true;

    public void Write(SessionLogLevel level, string connection, string message) => Lines.Add($"{level} {connection}: {message}");
}
