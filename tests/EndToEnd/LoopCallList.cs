using System.Text.RegularExpressions;

namespace VhostNet.EndToEnd;

/// <summary>The calls that a loop's thread may make: LoopCalls.txt.</summary>
internal sealed class LoopCallList
{
    /// <summary>How long a call that is no sleep may take, in seconds: what a scheduler and a tracer may add to one that does not wait.</summary>
    public const double LongestSeconds = 1;

    // What makes a call return at once on a descriptor of any kind.
    private static readonly string[] s_flags = ["MSG_DONTWAIT", "RWF_NOWAIT", "SOCK_NONBLOCK", "O_NONBLOCK", "LOCK_NB", "GRND_NONBLOCK"];

    private readonly List<(string Name, string Condition, Regex? Pattern)> _rules = [];

    private LoopCallList(IEnumerable<string> lines)
    {
        foreach (string line in lines.Where(l => l.Length > 0 && l[0] != '#'))
        {
            string[] parts = line.Split(" | ", 3, StringSplitOptions.TrimEntries);
            if (parts.Length != 3 || parts[2].Length == 0)
            {
                throw new FormatException($"\"{line}\" is no rule; a rule is CALLS | CONDITION | WHY");
            }

            Regex? pattern = parts[1] is "any" or "sleeps" or "nonblocking" ? null : new Regex(parts[1]);
            _rules.AddRange(parts[0].Split(' ').Select(name => (name, parts[1], pattern)));
        }
    }

    /// <summary>Reads the list.</summary>
    public static LoopCallList Load() => new(File.ReadLines(Path.Combine(Repository.Root, "tests", "EndToEnd", "LoopCalls.txt")));

    /// <summary>What is wrong with a call, or null.</summary>
    public string? Refuse(LoopCall call)
    {
        bool known = false;
        foreach ((string name, string condition, Regex? pattern) in _rules)
        {
            if (name != call.Name)
            {
                continue;
            }

            known = true;
            if (condition == "sleeps")
            {
                return null;
            }

            bool allowed = condition == "any" || (pattern?.IsMatch(call.Arguments) ?? (!call.CanBlock || s_flags.Any(f => call.Arguments.Contains(f, StringComparison.Ordinal))));
            if (allowed)
            {
                return call.Seconds <= LongestSeconds ? null : "sat in";
            }
        }

        return known ? "may wait in" : "does not know";
    }
}
