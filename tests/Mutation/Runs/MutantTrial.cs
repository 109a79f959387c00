using System.Globalization;
using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation.Runs;

/// <summary>Tries one mutant.</summary>
internal static class MutantTrial
{
    /// <summary>How much classes of one process take together, the first one, the second, and so on; most mutants die in the first.</summary>
    private static readonly double[] s_batchSeconds = [4, 15, 60, double.MaxValue];

    /// <summary>What a machine may lose beside the tests themselves.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(8);

    /// <summary>Runs the classes that reach it, the quickest first, until a test fails.</summary>
    /// <returns>The verdict, and by whom it was killed.</returns>
    public static (Verdict Verdict, string By) Run(Mutant mutant, ReachMap reach, TestSuites tests)
    {
        IReadOnlyList<TestClass> classes = reach.Classes(mutant);
        if (classes.Count == 0)
        {
            return (Verdict.NotReached, string.Empty);
        }

        int next = 0;
        for (int batch = 0; next < classes.Count; batch++)
        {
            List<TestClass> some = [];
            double seconds = 0;
            do
            {
                some.Add(classes[next]);
                seconds += reach.Time(classes[next++]).TotalSeconds;
            }
            while (next < classes.Count && seconds + reach.Time(classes[next]).TotalSeconds <= s_batchSeconds[Math.Min(batch, 3)]);

            TimeSpan limit = s_grace + TimeSpan.FromSeconds(4 * seconds);
            ProcessResult result = tests.Run(mutant.Project, some, limit, ("VHOSTNET_MUTANT", mutant.Id.ToString(CultureInfo.InvariantCulture)));
            if (result.IsTimeout)
            {
                return (Verdict.Timeout, some[0].Name);
            }

            if (result.ExitCode != 0)
            {
                return (Verdict.Killed, Failed(result.Output));
            }
        }

        return (Verdict.Survived, $"{classes.Count} classes are green");
    }

    private static string Failed(string output) =>
        output.Split('\n').FirstOrDefault(static l => l.Contains("[FAIL]", StringComparison.Ordinal))?.Split(" [FAIL]")[0].Trim() ?? "the process died";
}
