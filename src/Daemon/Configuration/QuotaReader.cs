using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Memory;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads a port's <c>quotas</c>: what its guest or front end may make this process keep.</summary>
internal static class QuotaReader
{
    private const int UserMin = 16;
    private const int UserMax = 65536;

    /// <summary>Reads those of a vhost-user port.</summary>
    public static SessionQuotas ReadSession(ConfigSection port)
    {
        var defaults = new SessionQuotas();
        if (port.Section("quotas") is not { } section)
        {
            return defaults;
        }

        var quotas = new SessionQuotas
        {
            Regions = section.Int("regions", 8, MemoryTable.RegionsMax) ?? defaults.Regions,
            Descriptors = section.Int("descriptors", 16, int.MaxValue) ?? defaults.Descriptors,
            HalfReceivedMs = section.Int("halfReceivedMs", 100, 3_600_000) ?? defaults.HalfReceivedMs,
            LogLines = section.Int("logLines", 10, 1_000_000) ?? defaults.LogLines,
            Jobs = section.Int("jobs", 1, 4096) ?? defaults.Jobs,
            IotlbEntries = section.Int("iotlbEntries", 64, Iotlb.EntriesMax) ?? defaults.IotlbEntries,
        };
        section.End();
        return quotas;
    }

    /// <summary>Reads those of a user port into its options.</summary>
    public static UserOptions ReadUser(ConfigSection port, UserOptions options)
    {
        if (port.Section("quotas") is not { } section)
        {
            return options;
        }

        options = options with
        {
            FlowsMax = section.Int("flows", UserMin, UserMax) ?? options.FlowsMax,
            SocketsMax = section.Int("sockets", UserMin, UserMax) ?? options.SocketsMax,
            FlowsPerSecond = section.Int("flowsPerSecond", 1, 1_000_000) ?? options.FlowsPerSecond,
        };
        section.End();
        return options;
    }
}
