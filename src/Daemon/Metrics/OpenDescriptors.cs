namespace VhostNet.Daemon.Metrics;

/// <summary>The process's open descriptors.</summary>
internal static class OpenDescriptors
{
    /// <summary>How many there are; 0 when the kernel does not say (before Linux 6.2).</summary>
    public static long Count => statx("/proc/self/fd", STATX_SIZE, out statx_t facts) == 0 ? (long)facts.stx_size : 0;
}
