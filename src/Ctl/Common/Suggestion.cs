namespace VhostNet.Ctl.Common;

/// <summary>Finds the command or option that somebody probably meant to write.</summary>
internal static class Suggestion
{
    /// <summary>The candidate that is nearest to a word, or null when none is near enough to be meant.</summary>
    public static string? For(string word, IEnumerable<string> candidates)
    {
        string? best = null;
        int least = Math.Min(3, word.Length);
        foreach (string candidate in candidates)
        {
            int distance = candidate.StartsWith(word, StringComparison.Ordinal) && word.Length > 2 ? 1 : Distance(word, candidate);
            if (distance < least)
            {
                (least, best) = (distance, candidate);
            }
        }

        return best;
    }

    // Insertions, deletions, replacements and swaps of neighbours, row by row.
    private static int Distance(string a, string b)
    {
        int[] earlier = new int[b.Length + 1];
        int[] before = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), Math.Min(before[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], earlier[j - 2] + 1);
                }
            }

            (earlier, before) = (before, row);
        }

        return before[b.Length];
    }
}
