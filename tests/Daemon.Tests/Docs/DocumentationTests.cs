using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using VhostNet.Daemon.Cli;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Configuration.Ports;
using VhostNet.Daemon.Metrics;
using VhostNet.Daemon.Tests.Configuration;
using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Tests.Docs;

/// <summary>The manual names everything that the program has.</summary>
public sealed class DocumentationTests
{
    private static readonly string s_operating = Read("operating.md");
    private static readonly string s_metrics = Read("metrics.md");

    [Fact]
    public void EveryKeyIsDocumented()
    {
        var keys = new HashSet<string>();
        ConfigReader.Read(Encoding.UTF8.GetBytes(ConfigReaderTests.Everything), key => keys.Add(key.Split('.')[^1]));
        Assert.True(keys.Count > 80, $"only {keys.Count} keys were seen");
        AssertNamed(s_operating, keys.Where(k => !k.Contains('[', StringComparison.Ordinal) && k is not ("Microsoft" or "VhostUser" or "tenant")));
    }

    [Fact]
    public void EveryOptionIsDocumented()
    {
        string[] options = [.. new CommandLine().Options.Select(o => o.Name).Where(n => n.StartsWith("--", StringComparison.Ordinal))];
        Assert.True(options.Length > 15);
        Assert.All(options, o => Assert.Matches($"`{o}( [A-Z]+)?`", s_operating));
    }

    [Fact]
    public void EveryKindFeatureAndExitCodeIsDocumented()
    {
        AssertNamed(s_operating, [.. PortKinds.Names, .. NetworkReader.Kinds, .. PortReader.SwitchableFeatures]);
        Assert.All(Enum.GetValues<ExitCode>(), c => Assert.Contains($"\n| {(int)c} |", s_operating, StringComparison.Ordinal));
    }

    [Fact]
    public void EveryMetricAndReasonIsDocumented()
    {
        AssertNamed(s_metrics, [.. MetricCatalog.All.Select(m => m.Name), .. DropReasons.Names, .. SessionEnds.Names, .. QuotaReasons.Names, .. CallErrorLabels.Calls]);
        IEnumerable<string> named = Regex.Matches(s_metrics, "`(vhostnet\\.[a-z.]+)`").Select(m => m.Groups[1].Value);
        Assert.Empty(named.Except(MetricCatalog.All.Select(m => m.Name)));
    }

    /// <summary>A bit that is offered may need the front end's help: nobody adds one without having looked up what QEMU does for it, twice.</summary>
    [Fact]
    public void EveryOfferedBitIsLookedUpInQemu()
    {
        string[] tables = Regex.Match(Read("spec-coverage.md"), "\n## What the front end has to do\n(.*?)\n## ", RegexOptions.Singleline).Groups[1].Value
            .Split("| Bit | Protocol feature |");
        Assert.Equal(2, tables.Length);
        ulong virtio = VirtioNetFeatures.All | VirtioNetFeatures.MAC | VirtioFeatures.PROTOCOL_FEATURES;
        Assert.Equal(virtio, BitsOf(tables[0]));
        Assert.Equal(SessionOptions.DefaultProtocolFeatures, BitsOf(tables[1]));
    }

    private static ulong BitsOf(string table) => Regex.Matches(table, "^\\| ([0-9, ]+) \\|(?: [^|]+\\|){5}$", RegexOptions.Multiline)
        .SelectMany(row => row.Groups[1].Value.Split(',')).Aggregate(0UL, (bits, bit) => bits | (1UL << int.Parse(bit, CultureInfo.InvariantCulture)));

    private static string Read(string file) => File.ReadAllText(Path.Combine(Repository.Root, "docs", file));

    private static void AssertNamed(string text, IEnumerable<string> names) => Assert.DoesNotContain(names, n => !text.Contains($"`{n}`", StringComparison.Ordinal));
}
