using System.Globalization;
using System.Text;
using Serilog.Events;
using Serilog.Formatting;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// Writes to standard error: a terminal, a pipe, the journal. It goes past <see cref="Console.Error"/>, whose lock whoever else writes there would wait for.
/// </summary>
internal sealed class StderrWriter(ITextFormatter formatter) : ILogWriter
{
    private readonly Stream _stream = Console.OpenStandardError();

    /// <summary>How long the last words of the process may take.</summary>
    private static readonly TimeSpan s_lastWords = TimeSpan.FromMilliseconds(300);

    /// <summary>Says why the process ends, for which nothing else is left; a pipe that nobody reads does not keep it.</summary>
    public static void Say(string line) => Bounded.Run(
        () =>
        {
            using Stream stream = Console.OpenStandardError();
            stream.Write(Encoding.UTF8.GetBytes($"vhostnetd: {line}\n"));
        },
        s_lastWords);

    /// <inheritdoc/>
    public bool Write(LogEvent line)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        formatter.Format(line, text);
        try
        {
            _stream.Write(Encoding.UTF8.GetBytes(text.ToString()));
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();
}
