using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Top;

/// <summary>Draws on a terminal, once in an interval and at each key, until it is told to end.</summary>
/// <param name="client">Asks the daemon.</param>
/// <param name="interval">From one look at it to the next.</param>
/// <param name="view">What is shown.</param>
internal sealed class TopLoop(ControlClient client, TimeSpan interval, TopView view)
{
    // Signals that change the size or end it are seen so soon.
    private const int LookMs = 200;
    private readonly bool _colour = Environment.GetEnvironmentVariable("NO_COLOR") is not { Length: > 0 };
    private bool _resized;
    private volatile bool _over;

    /// <summary>Runs. The terminal is as before afterwards.</summary>
    /// <exception cref="CtlException">The daemon can't be reached any more.</exception>
    public void Run()
    {
        using PosixSignalRegistration resize = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => Volatile.Write(ref _resized, true));
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var terminal = new Terminal();
        Write("\x1b[?1049h\x1b[?25l");
        try
        {
            Sample before = Take();
            Sample now = before;
            Draw(before, now);
            long next = Stopwatch.GetTimestamp() + (long)(Math.Min(1, interval.TotalSeconds) * Stopwatch.Frequency);
            while (!view.IsOver && !_over)
            {
                long left = Math.Max(0, (next - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency);
                IReadOnlyList<ConsoleKeyInfo> keys = Terminal.Wait((int)Math.Min(left, LookMs));
                foreach (ConsoleKeyInfo key in keys)
                {
                    view.Press(key);
                }

                bool draw = keys.Count > 0 || Volatile.Read(ref _resized);
                Volatile.Write(ref _resized, false);
                if (Stopwatch.GetTimestamp() >= next)
                {
                    (before, now) = (now, Take());
                    next = Stopwatch.GetTimestamp() + (long)(interval.TotalSeconds * Stopwatch.Frequency);
                    draw = true;
                }

                if (draw)
                {
                    Draw(before, now);
                }
            }
        }
        finally
        {
            Write("\x1b[?25h\x1b[?1049l");
        }
    }

    /// <summary>Asks the daemon.</summary>
    public Sample Take() => new(client.Get("/status"), Stopwatch.GetTimestamp());

    private void End(PosixSignalContext context)
    {
        context.Cancel = true;
        _over = true;
    }

    private void Draw(Sample before, Sample now)
    {
        int width = Math.Max(20, Console.WindowWidth);
        int height = Math.Max(6, Console.WindowHeight);
        var picture = new StringBuilder("\x1b[H");
        foreach (string line in TopScreen.Lines(before, now, view, width, height, _colour))
        {
            picture.Append(line).Append("\x1b[K\r\n");
        }

        // The last line stands on the last row, and nothing scrolls.
        picture.Length -= 2;
        Write(picture.Append("\x1b[J").ToString());
    }

    private static void Write(string text)
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(Encoding.UTF8.GetBytes(text));
    }
}
