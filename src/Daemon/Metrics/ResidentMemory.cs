using System.Buffers.Text;
using Microsoft.Win32.SafeHandles;

namespace VhostNet.Daemon.Metrics;

/// <summary>The process's resident memory, read from the kernel without garbage.</summary>
internal static class ResidentMemory
{
    private const int FieldsMax = 128;

    // Kept open: opening it for every scrape would make more garbage than all metrics together.
    private static readonly SafeFileHandle s_statm = File.OpenHandle("/proc/self/statm");

    /// <summary>Bytes at present, shared guest memory that was touched included; 0 when the kernel does not say.</summary>
    public static long Bytes
    {
        get
        {
            Span<byte> text = stackalloc byte[FieldsMax];
            text = text[..RandomAccess.Read(s_statm, text, 0)];
            int second = text.IndexOf((byte)' ') + 1;
            return Utf8Parser.TryParse(text[second..], out long pages, out _) ? pages * Environment.SystemPageSize : 0;
        }
    }
}
