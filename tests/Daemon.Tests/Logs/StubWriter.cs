using Serilog.Events;
using VhostNet.Daemon.Logs;

namespace VhostNet.Daemon.Tests.Logs;

/// <summary>Keeps the lines, and can be made to stand still in a write, as a pipe that nobody reads does, or to fail.</summary>
internal sealed class StubWriter : ILogWriter
{
    private readonly List<string> _lines = [];

    /// <summary>While this is not set a write does not come back.</summary>
    public ManualResetEventSlim Gate { get; } = new(true);

    /// <summary>Set as long as a write stands still.</summary>
    public ManualResetEventSlim Stands { get; } = new();

    /// <summary>Whether writes succeed.</summary>
    public bool Succeeds { get; set; } = true;

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public bool Write(LogEvent line)
    {
        if (!Gate.IsSet)
        {
            Stands.Set();
            Gate.Wait();
        }

        lock (_lines)
        {
            _lines.Add(line.RenderMessage(System.Globalization.CultureInfo.InvariantCulture));
        }

        return Succeeds;
    }

    public void Dispose()
    {
        // The thread that uses it may be standing in a write still.
    }
}
