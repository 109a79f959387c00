using System.Globalization;
using VhostNet.Mutation.Runs;
using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation;

/// <summary>Tells what became of the mutants, while they are tried and at the end. Any thread.</summary>
internal sealed class Report
{
    private const string SurvivorsFile = "survivors.txt";

    private readonly string _folder;
    private readonly MutationOptions _options;
    private readonly Equivalents _equivalents;
    private readonly Lock _lock = new();
    private readonly List<(Mutant Mutant, Verdict Verdict, string By)> _rows = [];

    public Report(string folder, MutationOptions options, Equivalents equivalents)
    {
        _folder = folder;
        _options = options;
        _equivalents = equivalents;
    }

    /// <summary>Keys of what survived, or was not reached, in the run before.</summary>
    /// <exception cref="MutationException">There was none.</exception>
    public static IEnumerable<string> LastSurvivors(string folder) => File.Exists(Path.Combine(folder, SurvivorsFile))
        ? File.ReadLines(Path.Combine(folder, SurvivorsFile)).Where(static l => l.Contains(" | ", StringComparison.Ordinal))
        : throw new MutationException($"--again: no run has left '{SurvivorsFile}' in {folder}.");

    /// <summary>A mutant was tried.</summary>
    public void Add(Mutant mutant, (Verdict Verdict, string By) result)
    {
        lock (_lock)
        {
            _rows.Add((mutant, result.Verdict, result.By));
            if (result.Verdict is Verdict.Survived or Verdict.NotReached)
            {
                Console.WriteLine(Describe(_rows[^1]));
            }

            if (_rows.Count % 25 == 0)
            {
                Console.WriteLine($"{_rows.Count} tried");
            }
        }
    }

    /// <summary>Writes the files and prints the table.</summary>
    public void Finish()
    {
        var ordered = _rows.OrderBy(static r => r.Mutant.Path, StringComparer.Ordinal).ThenBy(static r => r.Mutant.Line).ToList();
        File.WriteAllLines(Path.Combine(_folder, "all.txt"), ordered.Select(Describe));
        File.WriteAllLines(
            Path.Combine(_folder, SurvivorsFile),
            ordered.Where(r => IsSurvivor(r) && _equivalents.Reason(r.Mutant) is null)
                .SelectMany(static r => new[] { $"# {r.Mutant.Path}:{r.Mutant.Line} ({r.Mutant.Operator}, {r.Verdict})", r.Mutant.Key }));
        List<string> table =
        [
            $"seed {_options.Seed}, {ordered.Count} mutants",
            Row("room", "killed", "timeout", "survived", "not reached", "equivalent", "score"),
        ];
        table.AddRange(ordered.GroupBy(static r => r.Mutant.Room).Select(g => Row(g.Key, [.. g])));
        table.AddRange(ordered.GroupBy(static r => r.Mutant.Project)
            .Where(static g => g.Select(static r => r.Mutant.Room).Distinct().Count() > 1)
            .Select(g => Row($"src/{g.Key} in all", [.. g])));
        table.Add(Row("all", ordered));
        File.WriteAllLines(Path.Combine(_folder, "table.txt"), table);
        table.ForEach(Console.WriteLine);
    }

    private static bool IsSurvivor((Mutant Mutant, Verdict Verdict, string By) row) => row.Verdict is Verdict.Survived or Verdict.NotReached;

    private static string Row(params string[] cells) => string.Concat(cells.Select(static (c, i) => i == 0 ? $"{c,-36}" : $"{c,12}"));

    private string Row(string name, List<(Mutant Mutant, Verdict Verdict, string By)> rows)
    {
        int equivalent = rows.Count(r => IsSurvivor(r) && _equivalents.Reason(r.Mutant) is not null);
        int Count(Verdict verdict) => rows.Count(r => r.Verdict == verdict && (!IsSurvivor(r) || _equivalents.Reason(r.Mutant) is null));
        int dead = Count(Verdict.Killed) + Count(Verdict.Timeout);
        int judged = rows.Count - equivalent;
        string score = judged == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * dead / judged:f1} %");
        int[] counts = [Count(Verdict.Killed), Count(Verdict.Timeout), Count(Verdict.Survived), Count(Verdict.NotReached), equivalent];
        return Row([name, .. counts.Select(static n => n.ToString(CultureInfo.InvariantCulture)), score]);
    }

    private string Describe((Mutant Mutant, Verdict Verdict, string By) row)
    {
        string verdict = IsSurvivor(row) && _equivalents.Reason(row.Mutant) is { } reason ? $"Equivalent ({reason})" : row.Verdict.ToString();
        return $"{row.Mutant.Path}:{row.Mutant.Line}: {verdict}: {row.Mutant.Operator}: {row.Mutant.Key}  [{row.By}]";
    }
}
