using System.Text;
using Spectre.Console;

namespace VhostNet.Ctl.Rendering;

/// <summary>Where output goes. Colours and the terminal's width are for terminals; a pipe gets plain lines, each whole.</summary>
internal static class Screen
{
    private const int PipeWidth = 1000;

    /// <summary>The output.</summary>
    public static IAnsiConsole Out { get; } = Make(Console.Out, Console.IsOutputRedirected);

    /// <summary>Whether somebody looks at standard error while the program runs.</summary>
    public static bool IsWatched => !Console.IsErrorRedirected;

    /// <summary>Writes bytes as they are, such as the daemon's own JSON.</summary>
    public static void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(bytes);
    }

    /// <summary>Says something beside the output, to whoever looks.</summary>
    public static void Say(string line) => WriteError($"vhostnetctl: {line}\n");

    /// <summary>Shows how far something is, on one line that the next call replaces; only if somebody looks.</summary>
    public static void Progress(string line)
    {
        if (IsWatched)
        {
            WriteError($"\r\x1b[K{line}");
        }
    }

    /// <summary>Makes a console that writes into text, for tests and for pictures of a fixed size.</summary>
    public static IAnsiConsole Make(TextWriter writer, bool plain, int? width = null)
    {
        var settings = new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.No,
        };
        IAnsiConsole console = AnsiConsole.Create(settings);
        if ((width ?? (plain ? PipeWidth : null)) is { } columns)
        {
            console.Profile.Width = columns;
        }

        if (Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 })
        {
            console.Profile.Capabilities.ColorSystem = ColorSystem.NoColors;
        }

        return console;
    }

    private static void WriteError(string text)
    {
        using Stream error = Console.OpenStandardError();
        error.Write(Encoding.UTF8.GetBytes(text));
    }
}
