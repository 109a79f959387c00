using System.Globalization;
using System.Text.RegularExpressions;
using VhostNet.Mutation.Runs;
using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation;

/// <summary>Lines of the sources that are new or different since a commit.</summary>
internal sealed partial class ChangedLines
{
    private readonly HashSet<(string Path, int Line)> _lines = [];

    private ChangedLines()
    {
    }

    /// <summary>Asks git.</summary>
    /// <exception cref="MutationException">git does not know the commit.</exception>
    public static ChangedLines Since(string root, string reference)
    {
        ProcessResult git = ChildRun.Execute("git", ["diff", "--unified=0", reference, "--", "src"], root, TimeSpan.FromMinutes(1));
        if (git.ExitCode != 0)
        {
            throw new MutationException($"--since {reference}: {git.Output.Trim()}");
        }

        var changed = new ChangedLines();
        string path = string.Empty;
        foreach (string line in git.Output.Split('\n'))
        {
            if (line.StartsWith("+++ b/", StringComparison.Ordinal))
            {
                path = line["+++ b/".Length..];
            }
            else if (Hunk().Match(line) is { Success: true } hunk)
            {
                int start = int.Parse(hunk.Groups[1].Value, CultureInfo.InvariantCulture);
                int count = hunk.Groups[2].Success ? int.Parse(hunk.Groups[2].Value, CultureInfo.InvariantCulture) : 1;
                changed._lines.UnionWith(Enumerable.Range(start, count).Select(n => (path, n)));
            }
        }

        return changed;
    }

    /// <summary>The mutant is on such a line.</summary>
    public bool Contains(Mutant mutant) => _lines.Contains((mutant.Path, mutant.Line));

    [GeneratedRegex(@"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")]
    private static partial Regex Hunk();
}
