using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Qemu;

/// <summary>The version of a QEMU, by which its options differ.</summary>
/// <param name="Major">The first number.</param>
/// <param name="Minor">The second.</param>
internal readonly partial record struct QemuVersion(int Major, int Minor)
{
    /// <summary>How its chardev is told to connect again: milliseconds since 9.2; seconds before that.</summary>
    public string Reconnect => (Major, Minor).CompareTo((9, 2)) >= 0 ? "reconnect-ms=100" : "reconnect=1";

    /// <summary>Whether MSI-X of a virtio card ends it under TCG (Debian 12's does).</summary>
    public bool NeedsNoVectorsUnderTcg => Major == 7 && Minor == 2;

    /// <summary>Asks the program.</summary>
    /// <exception cref="CtlException">It can't be started, or says nothing that is a version.</exception>
    public static QemuVersion Of(string program)
    {
        using Process process = DaemonProgram.Start(new ProcessStartInfo(program, ["--version"]) { RedirectStandardOutput = true });
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return Parse(output)
            ?? throw new CtlException(CtlExit.Wrong, $"{program}: it does not say that it is a QEMU; after -- comes QEMU's own command line, as in -- " +
                "qemu-system-x86_64 -m 1G …");
    }

    /// <summary>Reads what <c>--version</c> prints; null when that is no version of QEMU.</summary>
    public static QemuVersion? Parse(string output)
    {
        Match match = VersionPattern().Match(output);
        return match.Success
            ? new QemuVersion(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex(@"version (\d+)\.(\d+)")]
    private static partial Regex VersionPattern();
}
