using System.Globalization;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Finds out whether stderr leads to the journal (JOURNAL_STREAM of systemd.exec(5)), which takes a line's severity from a leading &lt;N&gt;.
/// </summary>
internal static class JournalStream
{
    /// <summary>True when stderr is the stream that JOURNAL_STREAM names, and not something it was redirected to since.</summary>
    public static bool IsStderr
    {
        get
        {
            string? stream = Environment.GetEnvironmentVariable("JOURNAL_STREAM");
            if (stream is null || statx(2, STATX_INO, out statx_t facts) != 0)
            {
                return false;
            }

            ulong device = makedev(facts.stx_dev_major, facts.stx_dev_minor);
            return stream == string.Create(CultureInfo.InvariantCulture, $"{device}:{facts.stx_ino}");
        }
    }

    // gnu_dev_makedev of sys/sysmacros.h: the journal prints the device number as one integer.
    private static ulong makedev(uint major, uint minor) =>
        ((major & 0xFFFFF000UL) << 32) | ((major & 0xFFFUL) << 8) | ((minor & 0xFFFFFF00UL) << 12) | (minor & 0xFFUL);
}
