using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation;

/// <summary>Mutants that do the same as the original for everybody who can tell, each with its reason. They are left out of the score.</summary>
internal sealed class Equivalents
{
    private readonly Dictionary<string, string> _reasons = [];

    private Equivalents()
    {
    }

    /// <summary>Reads the list: a mutant's key on a line, its reason on the next one, indented. Lines with # are remarks.</summary>
    /// <exception cref="MutationException">A mutant has no reason.</exception>
    public static Equivalents Load(string path)
    {
        var equivalents = new Equivalents();
        string? key = null;
        foreach (string line in File.ReadLines(path).Where(static l => l.Trim() is { Length: > 0 } text && text[0] != '#'))
        {
            if (line[0] == ' ' && key is not null)
            {
                equivalents._reasons[key] = line.Trim();
                key = null;
            }
            else
            {
                key = key is null && line[0] != ' ' ? line.Trim() : throw new MutationException($"{path}: '{key ?? line}' has no reason, or a reason has no mutant.");
            }
        }

        return key is null ? equivalents : throw new MutationException($"{path}: '{key}' has no reason.");
    }

    /// <summary>Why a mutant is no fault; null if it is one.</summary>
    public string? Reason(Mutant mutant) => _reasons.GetValueOrDefault(mutant.Key);
}
