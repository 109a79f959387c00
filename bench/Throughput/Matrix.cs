using System.IO.Enumeration;

namespace VhostNet.Throughput;

/// <summary>All cases.</summary>
internal static class Matrix
{
    private static readonly int[] s_sizes = [64, 256, 1518];
    private static readonly bool[] s_either = [false, true];

    /// <summary>The cases, those with a target first in their group.</summary>
    public static IReadOnlyList<BenchCase> All { get; } = [.. Joined(Topology.Hairpin), .. Joined(Topology.Wire), .. Switched()];

    /// <summary>The cases of --smoke: both ring layouts, one and two ports.</summary>
    public static IReadOnlyList<BenchCase> Smoke { get; } =
    [
        new BenchCase(Topology.Hairpin, Packed: false, 64),
        new BenchCase(Topology.Wire, Packed: true, 64) { InOrder = true },
    ];

    /// <summary>The cases that a filter names.</summary>
    /// <exception cref="UsageException">It names none.</exception>
    public static IReadOnlyList<BenchCase> Select(string? filter)
    {
        if (filter is null)
        {
            return All;
        }

        string[] terms = filter.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        List<BenchCase> selected = [.. All.Where(c => terms.Any(t => Matches(c.Name, t)))];
        return selected.Count > 0 ? selected : throw new UsageException($"--cases '{filter}' matches no case; --list shows all");
    }

    /// <summary>A term is a name, or a pattern, or else a part of names.</summary>
    private static bool Matches(string name, string term) =>
        term.Contains('*', StringComparison.Ordinal) ? FileSystemName.MatchesSimpleExpression(term, name)
        : All.Any(c => c.Name == term) ? name == term
        : name.Contains(term, StringComparison.Ordinal);

    /// <summary>Sizes, features, few frames and several queues, for ports that DPDK joins as well.</summary>
    private static IEnumerable<BenchCase> Joined(Topology topology)
    {
        foreach (bool packed in s_either)
        {
            foreach (int size in s_sizes)
            {
                foreach (bool mergeable in (bool[])[true, false])
                {
                    foreach (bool inOrder in s_either)
                    {
                        yield return new BenchCase(topology, packed, size) { Mergeable = mergeable, InOrder = inOrder };
                    }
                }
            }

            yield return new BenchCase(topology, packed, 9000) { InFlight = BenchCase.JumboInFlight };
            yield return new BenchCase(topology, packed, 9000) { InFlight = BenchCase.JumboInFlight, InOrder = true };
            yield return new BenchCase(topology, packed, 64) { InFlight = 32 };
            yield return new BenchCase(topology, packed, 64) { InFlight = 32, InOrder = true };
            yield return new BenchCase(topology, packed, 1518) { InFlight = 32 };
            yield return new BenchCase(topology, packed, 64) { QueuePairs = 4 };
            yield return new BenchCase(topology, packed, 1518) { QueuePairs = 4 };
        }
    }

    /// <summary>The switch, whose comparisons are with our own wire and with Open vSwitch.</summary>
    private static IEnumerable<BenchCase> Switched()
    {
        foreach (bool packed in s_either)
        {
            foreach (int size in s_sizes)
            {
                yield return new BenchCase(Topology.Switch, packed, size);
            }

            yield return new BenchCase(Topology.Switch, packed, 64) { InFlight = 32 };
        }

        foreach (bool packed in s_either)
        {
            yield return new BenchCase(Topology.Switch64, packed, 64) { InFlight = 64 };
        }
    }
}
