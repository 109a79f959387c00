using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;
using VhostNet.Ctl.Top;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl top</c>: rates of an interval by port, queue and thread, again and again or once.</summary>
internal static class TopCommand
{
    private static readonly Option<string> s_interval = new("--interval", "-i")
    {
        HelpName = "SECONDS",
        Description = "from one look to the next, 0.1 to 3600 (1)",
    };

    private static readonly Option<bool> s_once = new("--once") { Description = "show one interval, and end" };

    private static readonly Option<string> s_filter = new("--filter", "-f") { HelpName = "TEXT", Description = "only ports with this in their name or kind" };

    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        var command = new Command("top", "rates by port and queue, drops by reason, ring fill, busy time of threads by queue; keys are on its last line")
        {
            s_interval, s_once, s_filter,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult result)
    {
        string text = result.GetValue(s_interval) ?? "1";
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) || seconds is < 0.1 or > 3600)
        {
            throw new CtlException(CtlExit.Wrong, $"--interval {text}: a number from 0.1 to 3600 is expected");
        }

        bool json = result.GetValue(Globals.Json);
        if (!result.GetValue(s_once) && (json || Console.IsOutputRedirected || Console.IsInputRedirected))
        {
            throw new CtlException(CtlExit.Wrong, "top is for terminals; --once shows one interval anywhere, and --once --json as JSON");
        }

        using ControlClient client = Globals.Client(result);
        var view = new TopView { Filter = result.GetValue(s_filter) ?? string.Empty };
        var loop = new TopLoop(client, TimeSpan.FromSeconds(seconds), view);
        if (!result.GetValue(s_once))
        {
            loop.Run();
            return;
        }

        Sample before = loop.Take();
        _ = poll([], (int)(seconds * 1000));
        Sample now = loop.Take();
        if (json)
        {
            Screen.WriteRaw(Json(before, now, view));
            return;
        }

        // All rows and all columns, and queues too: nobody can press a key.
        view.Press(new ConsoleKeyInfo('t', ConsoleKey.T, false, false, false));
        int rows = Rates.Ports(before, now, queues: true).Count + (3 * now.Threads.Count) + 8;
        IReadOnlyList<string> lines = TopScreen.Lines(before, now, view, 200, rows, colour: false);
        Console.Out.WriteLine(string.Join('\n', lines.SkipLast(1)).TrimEnd());
    }

    private static byte[] Json(Sample before, Sample now, TopView view)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("seconds", Math.Round(Sample.Seconds(before, now), 3));
            json.WriteStartArray("threads");
            foreach (ThreadRow thread in Rates.Threads(before, now))
            {
                Write(json, thread);
            }

            json.WriteEndArray();
            json.WriteStartArray("rows");
            foreach (TopRow row in view.Arrange(Rates.Ports(before, now, queues: true)))
            {
                Write(json, row);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        stream.Write(Encoding.UTF8.GetBytes("\n"));
        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, ThreadRow thread)
    {
        json.WriteStartObject();
        json.WriteString("name", thread.Name);
        json.WriteString("poll", thread.Poll);
        json.WriteNumber("busy", Math.Round(thread.Busy, 4));
        json.WriteStartObject("queues");
        foreach ((string queue, double share) in thread.Shares)
        {
            json.WriteNumber(queue, Math.Round(share, 4));
        }

        json.WriteEndObject();
        json.WriteNumber("loopsPerSecond", Math.Round(thread.Loops, 1));
        json.WriteNumber("sleepsPerSecond", Math.Round(thread.Sleeps, 1));
        json.WriteNumber("gaps", thread.Gaps);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, TopRow row)
    {
        json.WriteStartObject();
        json.WriteString("port", row.Port);
        json.WriteString("queue", row.Queue.Length > 0 ? row.Queue : null);
        json.WriteString(row.Queue.Length > 0 ? "thread" : "kind", row.Kind);
        json.WriteString("state", row.State);
        json.WriteNumber("framesInPerSecond", Math.Round(row.FramesIn, 1));
        json.WriteNumber("bitsInPerSecond", Math.Round(row.BitsIn));
        json.WriteNumber("framesOutPerSecond", Math.Round(row.FramesOut, 1));
        json.WriteNumber("bitsOutPerSecond", Math.Round(row.BitsOut));
        json.WriteNumber("dropsPerSecond", Math.Round(row.Drops, 1));
        json.WriteString("dropReasons", row.Reasons);
        if (row.Queue.Length > 0)
        {
            json.WriteNumber("fill", Math.Round(Math.Max(0, row.Fill), 4));
            json.WriteNumber("framesPerBurst", Math.Round(row.FramesPerBurst, 2));
            json.WriteNumber("callsAvoided", Math.Round(Math.Max(0, row.CallsAvoided), 4));
            json.WriteNumber("busy", Math.Round(Math.Max(0, row.Busy), 4));
        }
        else
        {
            json.WriteNumber("sessions", row.Sessions);
        }

        json.WriteEndObject();
    }
}
