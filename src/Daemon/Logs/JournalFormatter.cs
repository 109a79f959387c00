using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// One line for each event: <c>&lt;N&gt;message</c> for the journal, which keeps time and process itself (sd-daemon(3)), or with time and level for people. An
/// exception's text follows on further lines, each with the same prefix.
/// </summary>
internal sealed class JournalFormatter(bool forJournal) : ITextFormatter
{
    // Texts as they are, without quotation marks.
    private readonly MessageTemplateTextFormatter _message = new("{Message:lj}", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Format(LogEvent logEvent, TextWriter output)
    {
        WritePrefix(logEvent, output);
        using var line = new StringWriter(CultureInfo.InvariantCulture);
        _message.Format(logEvent, line);
        output.Write(line.ToString().ReplaceLineEndings(" "));
        output.Write('\n');
        if (logEvent.Exception is { } exception)
        {
            foreach (string part in exception.ToString().ReplaceLineEndings("\n").Split('\n'))
            {
                WritePrefix(logEvent, output);
                output.Write("  ");
                output.Write(part);
                output.Write('\n');
            }
        }
    }

    private void WritePrefix(LogEvent logEvent, TextWriter output)
    {
        if (forJournal)
        {
            output.Write(JournalPriority(logEvent.Level));
            return;
        }

        output.Write(logEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        output.Write(Name(logEvent.Level));
    }

    // Priorities of syslog(3): 2 critical, 3 error, 4 warning, 6 informational, 7 debug.
    private static string JournalPriority(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal => "<2>",
        LogEventLevel.Error => "<3>",
        LogEventLevel.Warning => "<4>",
        LogEventLevel.Information => "<6>",
        _ => "<7>",
    };

    private static string Name(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal => " fatal   ",
        LogEventLevel.Error => " error   ",
        LogEventLevel.Warning => " warning ",
        LogEventLevel.Information => " info    ",
        LogEventLevel.Debug => " debug   ",
        _ => " trace   ",
    };
}
