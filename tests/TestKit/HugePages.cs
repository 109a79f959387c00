using System.Globalization;

namespace VhostNet.TestKit;

/// <summary>The 2 MiB pages that DPDK wants.</summary>
public static class HugePages
{
    private const int Wanted = 1024;
    private const string Count = "/proc/sys/vm/nr_hugepages";
    private const string Mount = "/dev/hugepages";

    /// <summary>Sees to it that there are enough, and a file system for them.</summary>
    public static async Task EnsureAsync()
    {
        if (Read() < Wanted)
        {
            await File.WriteAllTextAsync(Count, Wanted.ToString(CultureInfo.InvariantCulture));
            if (Read() < Wanted / 2)
            {
                throw new TestPeerException($"DPDK needs 2 MiB pages, and the kernel could reserve only {Read()} of {Wanted}: free some memory ({Count})");
            }
        }

        if (!(await File.ReadAllTextAsync("/proc/mounts")).Contains($" {Mount} hugetlbfs", StringComparison.Ordinal))
        {
            Directory.CreateDirectory(Mount);
            await ChildProcess.RunAsync("mount", ["-t", "hugetlbfs", "nodev", Mount]);
        }
    }

    private static int Read() => int.Parse(File.ReadAllText(Count), CultureInfo.InvariantCulture);
}
