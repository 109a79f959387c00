using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>docs/memory-order.md is whole: every file that does without a lock is in its tables, and no other.</summary>
public sealed partial class MemoryOrderTests
{
    private const string Page = "docs/memory-order.md";

    [Fact]
    public void EveryFileWithoutALockIsListed() => Repository.AssertNone(
        Unordered().Except(Listed()).Order(StringComparer.Ordinal),
        $"Say in {Page} who the partner is and which barrier does it on arm64.");

    [Fact]
    public void NothingElseIsListed() => Repository.AssertNone(
        Listed().Except(Unordered()).Order(StringComparer.Ordinal),
        $"{Page} names files that do not use Volatile, Interlocked or a barrier.");

    [Fact]
    public void EveryRowNamesItsPartnerAndItsBarrier() => Repository.AssertNone(
        from line in Rows()
        let cells = line.Trim('|').Split('|')
        where cells.Length != 4 || cells.Any(string.IsNullOrWhiteSpace)
        select line,
        $"A row of {Page} has four cells: file, what is ordered, partner, arm64.");

    // By name alone, because files move between folders.
    private static HashSet<string> Unordered() =>
        [.. Repository.Product.Where(f => OrderPattern().IsMatch(f.Code)).Select(f => f.Name[..f.Name.IndexOf(".cs", StringComparison.Ordinal)].Replace(".Unsafe", "", StringComparison.Ordinal))];

    private static HashSet<string> Listed() =>
        [.. Rows().SelectMany(line => NamePattern().Matches(line.Trim('|').Split('|')[0]).Select(m => m.Groups[1].Value))];

    private static IEnumerable<string> Rows() =>
        Repository.Files.Single(f => f.Path == Page).Text.Split('\n').Where(l => l.StartsWith("| `", StringComparison.Ordinal));

    [GeneratedRegex(@"\bVolatile\.(Read|Write)|\bInterlocked\.|\bTBarrier\b|\bIBarrier\b|\bFullBarrier\b")]
    private static partial Regex OrderPattern();

    [GeneratedRegex("`([A-Za-z.]+)`")]
    private static partial Regex NamePattern();
}
