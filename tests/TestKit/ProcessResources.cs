namespace VhostNet.TestKit;

/// <summary>What this process holds, as the kernel sees it.</summary>
/// <param name="Descriptors">Open descriptors.</param>
/// <param name="Mappings">Mappings of files that were made for guest memory, logs and in-flight areas.</param>
public readonly record struct ProcessResources(int Descriptors, int Mappings)
{
    /// <summary>Counts now.</summary>
    public static ProcessResources Count() =>
        new(Directory.GetFileSystemEntries("/proc/self/fd").Length, File.ReadLines("/proc/self/maps").Count(l => l.Contains("/memfd:", StringComparison.Ordinal)
            && !l.Contains("doublemapper", StringComparison.Ordinal)));
}
