using System.Reflection;
using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Tests.Metrics;

/// <summary>A counter that is new to rings is added up over them, and handed over, like all others.</summary>
public sealed class RingCountersTests
{
    private static readonly FieldInfo[] s_fields =
        [.. typeof(VirtqueueCounters).GetFields(BindingFlags.Public | BindingFlags.Instance).Where(static f => f.Name != nameof(VirtqueueCounters.Waiting))];

    [Fact]
    public void EverySumIsListed() => Assert.Equal(
        s_fields.Select(static f => char.ToLowerInvariant(f.Name[0]) + f.Name[1..]).Order(StringComparer.Ordinal),
        RingCounters.Sums.Select(static s => s.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void EachNameStandsForItsOwnCounter()
    {
        object counters = default(VirtqueueCounters);
        for (int i = 0; i < s_fields.Length; i++)
        {
            s_fields[i].SetValue(counters, i + 1L);
        }

        VirtqueueCounters sum = default;
        RingCounters.Add(ref sum, (VirtqueueCounters)counters);
        RingCounters.Add(ref sum, (VirtqueueCounters)counters);
        Assert.All(s_fields, (f, i) => Assert.Equal(2 * (i + 1L), f.GetValue(sum)));
        Assert.Equal(0, sum.Waiting);
    }
}
