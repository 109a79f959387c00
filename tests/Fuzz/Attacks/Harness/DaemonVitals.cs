using System.Globalization;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>What a process holds, as the kernel sees it.</summary>
internal sealed class DaemonVitals(int process)
{
    /// <summary>Open descriptors.</summary>
    public int Descriptors
    {
        get
        {
            try
            {
                return Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }

    /// <summary>Private resident memory in bytes; guest memory, which is shared, is the guests'.</summary>
    public long PrivateBytes
    {
        get
        {
            try
            {
                string? line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
                return line is null ? 0 : long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }
}
