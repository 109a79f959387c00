using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Metrics;

/// <summary>The sums among a ring's counters, by name: what is added up over a queue's rings, and handed over to another process.</summary>
internal static class RingCounters
{
    /// <summary>One counter of a set.</summary>
    public delegate ref long Field(ref VirtqueueCounters counters);

    /// <summary>All of them but <see cref="VirtqueueCounters.Waiting"/>, which is a state of the present ring and no sum.</summary>
    public static IReadOnlyList<(string Name, Field Field)> Sums { get; } =
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
        ("busyNs", (ref c) => ref c.BusyNs),
        ("brokenByMalformed", (ref c) => ref c.BrokenByMalformed),
    ];

    /// <summary>Adds a ring's counters to a sum. Allocates nothing.</summary>
    public static void Add(ref VirtqueueCounters sum, VirtqueueCounters more)
    {
        for (int i = 0; i < Sums.Count; i++)
        {
            Sums[i].Field(ref sum) += Sums[i].Field(ref more);
        }
    }
}
