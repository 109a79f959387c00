using System.Globalization;
using System.Text;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Top;

/// <summary>
/// The picture, line by line, as wide and as high as it may be: what has no room goes from the right, and from the bottom. Written anew in place each time; a
/// library's
/// tables would cost several times as much of a processor. Pure.
/// </summary>
internal static class TopScreen
{
    private const string Bold = "\x1b[1m";
    private const string Reverse = "\x1b[7m";
    private const string Red = "\x1b[31m";
    private const string Grey = "\x1b[90m";
    private const string End = "\x1b[0m";
    private const int WideFrom = 110;

    /// <summary>Makes the lines.</summary>
    /// <param name="before">The sample before.</param>
    /// <param name="now">The last one.</param>
    /// <param name="view">What was asked for.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Lines.</param>
    /// <param name="colour">Whether styles may be used.</param>
    public static IReadOnlyList<string> Lines(Sample before, Sample now, TopView view, int width, int height, bool colour)
    {
        var lines = new List<string> { Head(now, before, width) };
        IReadOnlyList<ThreadRow> threads = Rates.Threads(before, now);
        int room = Math.Max(2, (height - 5) / 3);
        lines.Add(Styled(Fit($"{"THREAD",-10} {"BUSY%",5} {"LOOPS/s",8} {"SLEEPS/s",8} {"GAPS",4} QUEUES", width), Bold, colour));
        foreach (ThreadRow thread in threads.OrderByDescending(t => t.Busy).Take(room))
        {
            string shares = string.Join(' ', thread.Shares.Select(s => $"{s.Queue} {Units.Percent(s.Share)}"));
            string line = string.Create(
                CultureInfo.InvariantCulture,
                $"{thread.Name,-10} {Units.Percent(thread.Busy),5} {Units.Si(thread.Loops),8} {Units.Si(thread.Sleeps),8} {thread.Gaps,4} {shares}");
            lines.Add(Styled(Fit(line, width), thread.Gaps > 0 ? Red : string.Empty, colour));
        }

        IReadOnlyList<TopRow> rows = view.Arrange(Rates.Ports(before, now, view.Queues));
        int names = Math.Clamp(rows.Select(r => r.Port.Length + (r.Queue.Length > 0 ? 4 : 0)).DefaultIfEmpty(4).Max(), 6, Math.Max(8, width / 5));
        lines.Add(string.Empty);
        lines.Add(Styled(Fit(RowHead(names, width), width), Bold, colour));
        int free = Math.Max(1, height - lines.Count - 1);
        foreach (TopRow row in rows.Skip(view.Offset).Take(free))
        {
            string style = row.Drops > 0 ? Red : row.State is "down" or "disabled" ? Grey : string.Empty;
            lines.Add(Styled(Fit(Row(row, names, width), width), style, colour));
        }

        lines.RemoveRange(Math.Min(lines.Count, height - 1), Math.Max(0, lines.Count - height + 1));
        while (lines.Count < height - 1)
        {
            lines.Add(string.Empty);
        }

        lines.Add(Styled(Fit(Help(view, rows.Count), width).PadRight(width), Reverse, colour));
        return lines;
    }

    private static string Head(Sample now, Sample before, int width)
    {
        string stuck = string.Join("; ", now.Status.Texts("stuck"));
        string health = stuck.Length == 0 ? "healthy" : $"STUCK: {stuck}";
        long sessions = now.Ports.Count(p => p.At("session").ValueKind == System.Text.Json.JsonValueKind.Object);
        return Fit(
            string.Create(
                CultureInfo.InvariantCulture,
                $"vhostnetd {now.Status.Text("version")}  up {Units.Time(now.Status.Real("uptimeSeconds"))}  {health}  " +
                    $"{Units.Count(now.Ports.Count, "port")}, " +
                $"{Units.Count(sessions, "session")}  over {Sample.Seconds(before, now):0.0} s"),
            width);
    }

    private static string RowHead(int names, int width)
    {
        string line = $"{"PORT".PadRight(names)} {"IN/s",7} {"bit/s",7} {"OUT/s",7} {"bit/s",7} {"DROP/s",7} {"FILL%",5} {"F/BURST",7} {"AVOID%",6}";
        return width >= WideFrom ? $"{line} {"BUSY%",5} {"SESS",4} {"STATE",-8} {"KIND/THREAD",-11} WHY" : $"{line} WHY";
    }

    private static string Row(TopRow row, int names, int width)
    {
        string name = row.Queue.Length == 0 ? row.Port : $"  {row.Queue}";
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{(name.Length > names ? name[..names] : name).PadRight(names)} {Units.Si(row.FramesIn),7} {Units.Si(row.BitsIn),7} " +
                $"{Units.Si(row.FramesOut),7} {Units.Si(row.BitsOut),7} {Units.Si(row.Drops),7} " +
            $"{Part(row.Fill),5} {(row.FramesPerBurst > 0 ? row.FramesPerBurst.ToString("0.0", CultureInfo.InvariantCulture) : "-"),7} " +
                $"{Part(row.CallsAvoided),6}");
        string sessions = row.Queue.Length == 0 ? row.Sessions.ToString(CultureInfo.InvariantCulture) : "-";
        return width >= WideFrom ? $"{line} {Part(row.Busy),5} {sessions,4} {row.State,-8} {row.Kind,-11} {row.Reasons}" : $"{line} {row.Reasons}";
    }

    private static string Help(TopView view, int rows) => view.IsTyping
        ? $"filter: {view.Filter}_   Enter keeps it, Escape drops it"
        : $"q quit  s sort:{view.Order}  t queues:{(view.Queues ? "on" : "off")}  a active:{(view.OnlyActive ? "on" : "off")}  / " +
            $"filter{(view.Filter.Length > 0 ? $":{view.Filter}" : string.Empty)}  ↑↓ {rows}";

    private static string Part(double part) => part < 0 ? "-" : Units.Percent(part);

    // Names come from the configuration, whose names are plain; what else there is of the daemon's texts loses what a terminal would take for a command.
    private static string Fit(string line, int width)
    {
        var text = new StringBuilder(line.Length);
        foreach (char c in line)
        {
            text.Append(char.IsControl(c) ? '?' : c);
        }

        return (text.Length > width ? text.ToString(0, width) : text.ToString()).TrimEnd();
    }

    private static string Styled(string line, string style, bool colour) => colour && style.Length > 0 ? style + line + End : line;
}
