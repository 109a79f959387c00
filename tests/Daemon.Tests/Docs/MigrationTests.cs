using System.Text.RegularExpressions;
using VhostNet.Daemon.Cli;
using VhostNet.Daemon.Configuration;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Docs;

/// <summary>What docs/migration.md writes for this daemon is what it reads.</summary>
public sealed class MigrationTests
{
    private static readonly string s_page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "migration.md"));

    public static TheoryData<string> Uplinks => [.. Regex.Matches(s_page, "--uplink ([^` ]+)").Select(m => m.Groups[1].Value).Distinct()];

    [Theory]
    [MemberData(nameof(Uplinks))]
    public void EveryUplinkIsRead(string uplink) => Assert.NotNull(UplinkSpec.Parse(uplink, "uplink").KindOptions);

    /// <summary>The last key of each assignment is one that the readers know.</summary>
    [Fact]
    public void EveryKeyIsKnown()
    {
        string schema = ConfigSchema.Text;
        string[] keys =
        [
            .. Regex.Matches(s_page, @"vhostnetctl (?:add|set) [^`\n]*").SelectMany(c => Regex.Matches(c.Value, @"([\w.]+)=")).SelectMany(m => m.Groups[1].Value.Split('.')).Distinct(),
        ];
        Assert.True(keys.Length > 10);
        Assert.DoesNotContain(keys, k => !schema.Contains($"\"{k}\":", StringComparison.Ordinal));
    }
}
