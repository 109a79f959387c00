using VhostNet.VhostUser.Backend.Logging;

namespace Blk;

/// <summary>The library's lines go where this program's lines go.</summary>
internal sealed class ConsoleLog : ISessionLog
{
    public bool IsEnabled(SessionLogLevel level) => level != SessionLogLevel.Debug;

    public void Write(SessionLogLevel level, string connection, string message) => Console.WriteLine($"{level}: {connection}: {message}");
}
