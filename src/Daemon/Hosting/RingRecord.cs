using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Hosting;

/// <summary>A ring's counters by name, as they are handed over to another version of this program.</summary>
internal static class RingRecord
{
    private delegate ref long Field(ref VirtqueueCounters counters);

    private static readonly (string Name, Field Field)[] s_fields =
    [
        ("chains", (ref c) => ref c.Chains),
        ("malformedChains", (ref c) => ref c.MalformedChains),
        ("bursts", (ref c) => ref c.Bursts),
        ("kicks", (ref c) => ref c.Kicks),
        ("calls", (ref c) => ref c.Calls),
        ("callsSuppressed", (ref c) => ref c.CallsSuppressed),
        ("emptyPolls", (ref c) => ref c.EmptyPolls),
        ("polls", (ref c) => ref c.Polls),
        ("usesAfterDispose", (ref c) => ref c.UsesAfterDispose),
        ("controlRequests", (ref c) => ref c.ControlRequests),
        ("descriptors", (ref c) => ref c.Descriptors),
        ("spentTurns", (ref c) => ref c.SpentTurns),
        ("brokenByMalformed", (ref c) => ref c.BrokenByMalformed),
    ];

    /// <summary>The counters that are not zero.</summary>
    public static IReadOnlyDictionary<string, long> Of(VirtqueueCounters counters)
    {
        var record = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, Field field) in s_fields)
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
        foreach ((string name, Field field) in s_fields)
        {
            field(ref counters) = record.TryGetValue(name, out long value) ? Math.Max(0, value) : 0;
        }

        return counters;
    }
}
