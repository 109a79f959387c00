using VhostNet.Mutation.Runs;
using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation;

/// <summary>A whole run: choose, compile once, see which classes reach what, try each mutant, tell.</summary>
internal static class MutationRun
{
    /// <summary>More are chosen than were asked for, since some don't compile.</summary>
    private const double Spare = 1.15;

    /// <summary>Does it.</summary>
    /// <returns>The exit status: 0 when the run came to its end.</returns>
    public static int Execute(MutationOptions options, string root)
    {
        string results = Directory.CreateDirectory(Path.Combine(root, "artifacts", "mutation")).FullName;
        var sources = new Sources(root);
        List<Mutant> sample = Choose(options, sources, root, results);
        using ScratchCopy copy = ScratchCopy.Create(root, options.Keep);
        sample = copy.Build(sample);
        Console.WriteLine($"{sample.Count} mutants in {copy.Path}");
        var tests = new TestSuites(copy, options.Classes);
        ReachMap reach = ReachMap.Record(tests, sample, options.Workers);
        var equivalents = Equivalents.Load(Path.Combine(root, "tests", "Mutation", "Equivalents.txt"));
        var report = new Report(results, options, equivalents);
        var workers = new ParallelOptions { MaxDegreeOfParallelism = options.Workers };
        Parallel.ForEach(sample, workers, mutant => report.Add(mutant, MutantTrial.Run(mutant, reach, tests)));
        report.Finish();
        return 0;
    }

    private static List<Mutant> Choose(MutationOptions options, Sources sources, string root, string results)
    {
        IEnumerable<Mutant> all = sources.FindMutants(options.Projects);
        if (options.Since is { } since)
        {
            ChangedLines changed = ChangedLines.Since(root, since);
            all = all.Where(changed.Contains);
        }

        Mutant[] candidates = [.. all];
        Console.WriteLine($"{candidates.Length} possible mutants");
        if (options.Again)
        {
            HashSet<string> last = [.. Report.LastSurvivors(results)];
            return Number([.. candidates.Where(m => last.Contains(m.Key))]);
        }

        // The shuffle depends on the seed alone; the sample of a seed stays the same as long as the sources do.
        new Random(options.Seed).Shuffle(candidates);
        return Number([.. candidates.Take((int)(options.Count * Spare) + 1).AsParallel().AsOrdered().Where(sources.Compiles).Take(options.Count)]);
    }

    private static List<Mutant> Number(List<Mutant> mutants)
    {
        for (int i = 0; i < mutants.Count; i++)
        {
            mutants[i].Id = i;
        }

        return mutants;
    }
}
