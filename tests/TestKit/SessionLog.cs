using System.Collections.Concurrent;
using VhostNet.VhostUser.Backend.Logging;

namespace VhostNet.TestKit;

/// <summary>Keeps the lines that sessions write, and can wait for one. Any thread.</summary>
public sealed class SessionLog : ISessionLog
{
    private readonly ConcurrentQueue<(SessionLogLevel Level, string Text)> _lines = new();
    private readonly object _written = new();

    /// <summary>Whether debug lines are kept too.</summary>
    public bool KeepDebug { get; set; }

    public IEnumerable<string> Lines => _lines.Select(l => $"{l.Level}: {l.Text}");

    public bool IsEnabled(SessionLogLevel level) => level != SessionLogLevel.Debug || KeepDebug;

    public void Write(SessionLogLevel level, string connection, string message)
    {
        if (IsEnabled(level))
        {
            _lines.Enqueue((level, $"{connection}: {message}"));
            lock (_written)
            {
                Monitor.PulseAll(_written);
            }
        }
    }

    /// <summary>Waits until a line contains a text.</summary>
    public bool WaitFor(string text, TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_written)
        {
            while (!_lines.Any(l => l.Text.Contains(text, StringComparison.Ordinal)))
            {
                int left = (int)Math.Max(0, deadline - Environment.TickCount64);
                if (left == 0)
                {
                    return false;
                }

                Monitor.Wait(_written, left);
            }
        }

        return true;
    }

    public void Clear() => _lines.Clear();

    public override string ToString() => string.Join('\n', Lines);
}
