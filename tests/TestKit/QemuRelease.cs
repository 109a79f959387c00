using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>Which release a QEMU is, and what that one calls things.</summary>
public sealed partial record QemuRelease(int Major, int Minor)
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<QemuRelease>>> s_found = new();

    /// <summary>The chardev's option to connect again: <c>reconnect-ms</c> since 9.2, which 10.2 left as the only one; before, whole seconds.</summary>
    public string Reconnect => (Major, Minor).CompareTo((9, 2)) >= 0 ? "reconnect-ms=100" : "reconnect=1";

    /// <summary>Asks a program; once for each.</summary>
    public static Task<QemuRelease> OfAsync(string program) => s_found.GetOrAdd(program, p => new Lazy<Task<QemuRelease>>(() => AskAsync(p))).Value;

    /// <summary>Reads what <c>--version</c> prints.</summary>
    /// <exception cref="FormatException">It names no release.</exception>
    public static QemuRelease Parse(string text)
    {
        Match match = Version().Match(text);
        return match.Success
            ? new QemuRelease(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))
            : throw new FormatException($"no release in \"{text}\"; \"QEMU emulator version 7.2.0\" is expected");
    }

    private static async Task<QemuRelease> AskAsync(string program)
    {
        await using ChildProcess process = await ChildProcess.StartAsync(program, program, ["--version"]);
        int status = await process.WaitForExitAsync(TimeSpan.FromSeconds(20));
        return status == 0 ? Parse(process.Output.ToString()) : throw process.Output.Failure($"exited with status {status}");
    }

    [GeneratedRegex(@"version (\d+)\.(\d+)")]
    private static partial Regex Version();
}
