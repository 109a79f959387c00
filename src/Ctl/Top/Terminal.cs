using System.Diagnostics;
using VhostNet.Ctl.Client;

namespace VhostNet.Ctl.Top;

/// <summary>
/// The terminal, which gives each key at once and shows none while this lives. The framework's own reading of keys switches the terminal to and fro, and
/// shows what is typed
/// in between.
/// </summary>
internal sealed class Terminal : IDisposable
{
    private const byte EscapeByte = 0x1b;
    private readonly string _before;

    /// <summary>Sets the terminal.</summary>
    public Terminal()
    {
        _before = Stty("-g").Trim();
        _ = Stty("-icanon", "-echo", "min", "0", "time", "0");
    }

    /// <summary>Waits for keys, no longer than a time.</summary>
    /// <returns>Those that were pressed; none when the time is over, or a signal came.</returns>
    public static IReadOnlyList<ConsoleKeyInfo> Wait(int milliseconds)
    {
        Span<pollfd> wanted = [new pollfd { fd = 0, events = POLLIN }];
        if (poll(wanted, milliseconds) <= 0)
        {
            return [];
        }

        Span<byte> bytes = stackalloc byte[64];
        nint count = read(0, bytes);
        return count > 0 ? Decode(bytes[..(int)count]) : [new ConsoleKeyInfo('q', ConsoleKey.Q, false, false, false)];
    }

    /// <summary>What a terminal sends for keys, as keys.</summary>
    public static IReadOnlyList<ConsoleKeyInfo> Decode(ReadOnlySpan<byte> bytes)
    {
        var keys = new List<ConsoleKeyInfo>();
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == EscapeByte && i + 2 < bytes.Length && bytes[i + 1] is (byte)'[' or (byte)'O')
            {
                i += 2;
                while (i < bytes.Length - 1 && bytes[i] < 0x40)
                {
                    i++;
                }

                keys.AddRange(bytes[i] switch
                {
                    (byte)'A' => [new ConsoleKeyInfo('\0', ConsoleKey.UpArrow, false, false, false)],
                    (byte)'B' => [new ConsoleKeyInfo('\0', ConsoleKey.DownArrow, false, false, false)],
                    _ => Array.Empty<ConsoleKeyInfo>(),
                });
                continue;
            }

            keys.Add(bytes[i] switch
            {
                EscapeByte => new ConsoleKeyInfo('\0', ConsoleKey.Escape, false, false, false),
                (byte)'\r' or (byte)'\n' => new ConsoleKeyInfo('\r', ConsoleKey.Enter, false, false, false),
                0x7f or 8 => new ConsoleKeyInfo('\b', ConsoleKey.Backspace, false, false, false),
                var letter => new ConsoleKeyInfo((char)letter, ConsoleKey.NoName, false, false, false),
            });
        }

        return keys;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before.Length > 0)
        {
            _ = Stty(_before);
        }
    }

    private static string Stty(params string[] arguments)
    {
        using Process process = DaemonProgram.Start(new ProcessStartInfo("stty", arguments) { RedirectStandardOutput = true });
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
