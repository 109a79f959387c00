using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Quotas;

/// <summary>
/// What one front end may make this process keep. The defaults suit 256 guests on one machine: their regions stay well below the 65,530 mappings that a process
/// may have, and the descriptors below the limit of the unit. Each refusal names its quota and the key that raises it.
/// </summary>
public sealed record SessionQuotas
{
    /// <summary>Log lines that a session may write at once, where nothing is set.</summary>
    public const int LogLinesDefault = 200;

    /// <summary>Most memory regions, which GET_MAX_MEM_SLOTS tells (quotas.regions): 8 to <see cref="MemoryTable.RegionsMax"/>.</summary>
    public int Regions { get; init; } = 64;

    /// <summary>
    /// Most descriptors that are kept for the front end (quotas.descriptors): its connection, regions, notifiers of rings, dirty log, inflight area, back-end
    /// channel, a transfer of state. A card with one queue pair and 8 regions needs 20; one with 128 pairs 780 more.
    /// </summary>
    public int Descriptors { get; init; } = 1024;

    /// <summary>How long a message may take from its first byte to its last, in milliseconds (quotas.halfReceivedMs).</summary>
    public int HalfReceivedMs { get; init; } = 10_000;

    /// <summary>Log lines at once (quotas.logLines); ten a second come back.</summary>
    public int LogLines { get; init; } = LogLinesDefault;

    /// <summary>Jobs that the front end may give us at once, announcements by SEND_RARP (quotas.jobs); ten a second come back.</summary>
    public int Jobs { get; init; } = 16;

    /// <summary>
    /// Most I/O translations kept (quotas.iotlbEntries): 64 to <see cref="Iotlb.EntriesMax"/>. The oldest make room. vhost in the kernel and DPDK keep as many.
    /// </summary>
    public int IotlbEntries { get; init; } = 2048;

    /// <summary>Checks the numbers.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is out of its range.</exception>
    internal void Check()
    {
        CheckRange(Regions, 8, MemoryTable.RegionsMax, "regions");
        CheckRange(Descriptors, 16, int.MaxValue, "descriptors");
        CheckRange(HalfReceivedMs, 1, int.MaxValue, "halfReceivedMs");
        CheckRange(LogLines, 1, int.MaxValue, "logLines");
        CheckRange(Jobs, 1, 4096, "jobs");
        CheckRange(IotlbEntries, 64, Iotlb.EntriesMax, "iotlbEntries");
    }

    private static void CheckRange(int value, int min, int max, string key)
    {
        if (value < min || value > max)
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, $"quotas.{key} must be {min} to {max}");
        }
    }
}
