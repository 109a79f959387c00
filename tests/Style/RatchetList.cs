using System.Globalization;

namespace VhostNet.Style;

/// <summary>What was too long when a rule came, with how much: a file beside the tests, whose entries get smaller and go, and never come.</summary>
internal static class RatchetList
{
    /// <summary>Reads lines of a key, a blank and a number; those that begin with # are remarks.</summary>
    public static Dictionary<string, int> Read(string path) => File.ReadLines(Path.Combine(Repository.Root, path))
        .Where(static l => l.Length != 0 && l[0] != '#')
        .Select(static l => l.LastIndexOf(' ') is var i ? (Key: l[..i], Most: int.Parse(l[(i + 1)..], CultureInfo.InvariantCulture)) : default)
        .ToDictionary(static e => e.Key, static e => e.Most);
}
