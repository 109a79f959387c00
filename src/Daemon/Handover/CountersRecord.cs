using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Daemon.Handover;

/// <summary>One direction's counters. Drops go by their names, so that another version's numbers don't matter.</summary>
/// <param name="Frames">Frames passed on.</param>
/// <param name="Bytes">Bytes of those.</param>
/// <param name="Drops">Frames that went no further, by reason.</param>
internal sealed record CountersRecord(long Frames, long Bytes, IReadOnlyDictionary<string, long> Drops)
{
    private static readonly Dictionary<string, int> s_reasons =
        DropReasons.Names.Select((name, number) => (name, number)).ToDictionary(r => r.name, r => r.number, StringComparer.Ordinal);

    /// <summary>Makes the record of some counters.</summary>
    public static CountersRecord Of(FrameCounters counters)
    {
        var drops = new Dictionary<string, long>(StringComparer.Ordinal);
        for (int reason = 0; reason < DropReasons.Names.Count; reason++)
        {
            if (counters.Drops[reason] is > 0 and long count)
            {
                drops[DropReasons.Names[reason]] = count;
            }
        }

        return new CountersRecord(counters.Frames, counters.Bytes, drops);
    }

    /// <summary>Sets counters to what the record says; a reason that is not known here is left out, and so is what is negative.</summary>
    public void CopyTo(ref FrameCounters counters)
    {
        counters.Frames = Math.Max(0, Frames);
        counters.Bytes = Math.Max(0, Bytes);
        foreach ((string name, long count) in Drops)
        {
            if (s_reasons.TryGetValue(name, out int reason))
            {
                counters.Drops[reason] = Math.Max(0, count);
            }
        }
    }
}
