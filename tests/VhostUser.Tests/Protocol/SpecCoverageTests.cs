using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Tests.Protocol;

/// <summary>docs/spec-coverage.md says per message and per feature bit what is implemented. It has to be true, and its numbers are the specification's.</summary>
public sealed class SpecCoverageTests
{
    private static readonly string[] s_lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "spec-coverage.md"));

    [Fact]
    public void EveryFrontEndMessageIsListedAsItIsServed()
    {
        string[][] rows = [.. Rows("## Front-end messages, one by one")];
        Assert.Equal(Enumerable.Range(1, MessageTable.RequestMax), rows.Select(r => Number(r[0])));
        foreach (string[] row in rows)
        {
            MessageSpec spec = MessageTable.Find((uint)Number(row[0]))!;
            Assert.Equal(spec.Name, row[1]);
            string state = !spec.IsServed ? "no" : (spec.NeedsProtocol & ~SessionOptions.DefaultProtocolFeatures) != 0 ? "opt-in" : "yes";
            Assert.True(row[2] == state, $"{spec.Name} is listed as '{row[2]}' and is '{state}'");
        }
    }

    [Fact]
    public void EveryProtocolFeatureBitIsListedAsItIsOffered()
    {
        string[][] rows = [.. Rows("## Protocol feature bits, one by one")];
        Assert.Equal(Enumerable.Range(0, 24), rows.Select(r => Number(r[0])));
        foreach (string[] row in rows)
        {
            ulong bit = 1UL << Number(row[0]);
            Assert.Equal(ProtocolFeatures.Describe(bit), row[1]);
            string state = (SessionOptions.ImplementedProtocolFeatures & bit) == 0 ? "no"
                : (SessionOptions.DefaultProtocolFeatures & bit) == 0 ? "opt-in" : "offered";
            Assert.True(row[2].StartsWith(state, StringComparison.Ordinal), $"bit {row[0]} is listed as '{row[2]}' and is '{state}'");
        }
    }

    [Fact]
    public void EveryBackEndMessageIsListed()
    {
        string[] names = [.. Rows("## Back-end messages, one by one").SelectMany(r => r[0].Split(", "))];
        Assert.Equal(Enum.GetValues<BackendRequestCode>().Where(c => c != BackendRequestCode.NONE).Select(c => $"{(int)c}"), names);
    }

    /// <summary>A row names a test that exists.</summary>
    [Fact]
    public void TheTestsExist()
    {
        string tests = Path.Combine(Repository.Root, "tests");
        string[] files = [.. Directory.GetFiles(tests, "*Tests.cs", SearchOption.AllDirectories)];
        foreach (string word in s_lines.Where(l => l.StartsWith('|')).SelectMany(l => l.Split([' ', ',', '|', '(', ')', ';'], StringSplitOptions.RemoveEmptyEntries)))
        {
            string[] parts = word.Split('/')[^1].Split('.');
            if (!parts[0].EndsWith("Tests", StringComparison.Ordinal) || parts[0] == "Tests")
            {
                continue;
            }

            string[] named = [.. files.Where(f => Path.GetFileNameWithoutExtension(f) == parts[0])];
            Assert.True(named.Length > 0 || word == "Abi.Tests", $"docs/spec-coverage.md names {word}, and there is no {parts[0]}.cs");
            bool isThere = parts.Length == 1 || named.Any(f => File.ReadAllText(f).Contains($" {parts[1]}(", StringComparison.Ordinal));
            Assert.True(isThere, $"docs/spec-coverage.md names {word}, which is not in {string.Join(", ", named)}");
        }
    }

    private static IEnumerable<string[]> Rows(string heading) => s_lines.SkipWhile(l => l != heading).Skip(1)
        .TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal))
        .Where(l => l.StartsWith('|')).Skip(2)
        .Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries));

    private static int Number(string cell) => int.Parse(cell, System.Globalization.CultureInfo.InvariantCulture);
}
