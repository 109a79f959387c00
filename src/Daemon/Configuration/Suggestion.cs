namespace VhostNet.Daemon.Configuration;

/// <summary>Finds what somebody probably meant to write.</summary>
internal static class Suggestion
{
    /// <summary>The candidate that is nearest to <paramref name="word"/>, or null when none is near enough to be meant.</summary>
    public static string? For(string word, IEnumerable<string> candidates)
    {
        string given = Normalise(word);
        string? best = null;

        // Something has to be left of what was written: nobody means --fd by -s.
        int bestDistance = Math.Min(Math.Max(2, given.Length / 3) + 1, given.Length);
        foreach (string candidate in candidates)
        {
            int distance = Distance(given, Normalise(candidate));
            if (distance < bestDistance)
            {
                bestDistance = distance;
                best = candidate;
            }
        }

        return best;
    }

    /// <summary>A half sentence that offers <see cref="For"/>, or else lists the candidates, if there are any.</summary>
    public static string Clause(string word, IReadOnlyCollection<string> candidates)
    {
        string? best = For(word, candidates);
        return best is not null ? $"did you mean \"{best}\"?"
            : candidates.Count == 0 ? "there are none here, leave it out"
            : $"known here: {string.Join(", ", candidates.Order(StringComparer.Ordinal))}";
    }

    /// <summary>Number of insertions, deletions, replacements and swaps of neighbours between two words.</summary>
    public static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            d[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            d[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replace, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }

    // The quick form spells queue-pairs what the file spells queuePairs: the difference is no mistake worth counting.
    private static string Normalise(string word) =>
        string.Concat(word.Where(c => c is not ('-' or '_')).Select(char.ToLowerInvariant));
}
