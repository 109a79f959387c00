using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Hosting;

/// <summary>A ring's counters by name, as they are handed over to another version of this program.</summary>
internal static class RingRecord
{
    /// <summary>The counters that are not zero.</summary>
    public static IReadOnlyDictionary<string, long> Of(VirtqueueCounters counters)
    {
        var record = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, RingCounters.Field field) in RingCounters.Sums)
        {
            if (field(ref counters) is not 0 and long value)
            {
                record[name] = value;
            }
        }

        return record;
    }

    /// <summary>The counters that a record has; what is not known here is left out, and so is what is negative.</summary>
    public static VirtqueueCounters Read(IReadOnlyDictionary<string, long> record)
    {
        VirtqueueCounters counters = default;
        foreach ((string name, RingCounters.Field field) in RingCounters.Sums)
        {
            field(ref counters) = record.TryGetValue(name, out long value) ? Math.Max(0, value) : 0;
        }

        return counters;
    }
}
