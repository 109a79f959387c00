using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>Words that have no place in the tree.</summary>
public sealed partial class WordTests
{
    /// <summary>This folder names what it forbids.</summary>
    private static IEnumerable<SourceFile> Files => Repository.Files.Where(static f => !f.IsIn("tests/Style"));

    /// <summary>Among the protocol's files, but their numbers are this project's own.</summary>
    private static readonly string[] s_ownNumbers = ["RingLock.cs", "TurnBudget.cs"];

    [Fact]
    public void TestsDoNotSleep() => AssertNowhere(
        Repository.CSharp.Where(static f => f.IsIn("tests", "bench") && !f.IsIn("tests/Style")), static f => f.Code, SleepPattern(), "No sleeps: virtual clocks, stepped loops, events with time-outs that fail the test.");

    [Fact]
    public void NothingIsLeftForLater() => AssertNowhere(
        Files.Where(static f => f.IsCSharp || f.Path.EndsWith(".sh", StringComparison.Ordinal) || f.Path.EndsWith(".pml", StringComparison.Ordinal)),
        static f => f.Text,
        LaterPattern(),
        "No TODO, FIXME, HACK or NotImplementedException.");

    [Fact]
    public void NoCodeIsCommentedOut() => AssertNowhere(
        Repository.CSharp.Where(static f => !f.IsIn("tests/Style")), static f => f.Text, DeadCodePattern(), "No commented-out code.");

    [Fact]
    public void NoPathOfAMachineIsCommitted() => AssertNowhere(
        Files, static f => f.Text, MachinePathPattern(), "No absolute path of one machine and no package registry.");

    [Fact]
    public void TheWordsOfTheSpecificationAreUsed() => Repository.AssertNone(
        from file in Files
        where file.IsIn("src", "tests", "bench", "docs", "models", "deploy")
        from line in file.Lines.Index()
        where OldWordsPattern().IsMatch(line.Item) && !KernelsOldWordsPattern().IsMatch(line.Item)
        select $"{file.Path}:{line.Index + 1}: {line.Item.Trim()}",
        "Front end and back end, never the old pair of words (which ip-link and rtnetlink have for bridges).");

    [Fact]
    public void LibrariesDoNotTalkToTheConsole() => AssertNowhere(
        Repository.Libraries, static f => f.Code, ConsolePattern(), "Libraries have no console, no exit and no wall clock.");

    /// <summary>Where a number comes from a specification or the kernel, its name there stands beside it.</summary>
    [Fact]
    public void ProtocolConstantsNameTheirSource() => Repository.AssertNone(
        from file in Repository.Product
        where file.IsIn("src/VhostUser/Protocol", "src/VhostUser/Virtqueues", "src/VirtioNet/Device")
        where !s_ownNumbers.Contains(file.Name) && NumericConstantPattern().IsMatch(file.Code) && !SourceNamePattern().IsMatch(file.Text)
        select file.Path,
        "Constants of the protocol stand beside their specification's or the kernel's name or section.");

    private static void AssertNowhere(IEnumerable<SourceFile> files, Func<SourceFile, string> part, Regex pattern, string rule) => Repository.AssertNone(
        from file in files
        let text = part(file)
        from Match match in pattern.Matches(text)
        select $"{file.Path}:{text.AsSpan(0, match.Index).Count('\n') + 1}: {match.Value.Trim()}",
        rule);

    [GeneratedRegex(@"\bThread\.Sleep\b|\bTask\.Delay\b|\busleep\(|\bnanosleep\(")]
    private static partial Regex SleepPattern();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|\bNotImplementedException\b")]
    private static partial Regex LaterPattern();

    [GeneratedRegex(@"^\s*//(?![/!])[^\n]*(;|\{|\})[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex DeadCodePattern();

    [GeneratedRegex(@"(?<![\w.$}])/(work|home|root|Users)/\w|/tmp/(wt|helpers)|[A-Z]:\\Users|nuget\.org|pypi\.org|pkgs\.dev\.azure|artifactory", RegexOptions.IgnoreCase)]
    private static partial Regex MachinePathPattern();

    [GeneratedRegex(@"\b(master|slave)s?\b", RegexOptions.IgnoreCase)]
    private static partial Regex OldWordsPattern();

    [GeneratedRegex(@"\b(link|ip) .*master|\bmaster br|IFLA_MASTER|is unknown")]
    private static partial Regex KernelsOldWordsPattern();

    [GeneratedRegex(@"\bConsole\.|\bEnvironment\.Exit\b|\bDateTime(Offset)?\.(Utc)?Now\b")]
    private static partial Regex ConsolePattern();

    [GeneratedRegex(@"\bconst\s+\w+\s+(?!\w*(Size|Max)\b)\w+\s*=\s*(0x|\d|1UL|1u)")]
    private static partial Regex NumericConstantPattern();

    [GeneratedRegex(@"VHOST_|VIRTIO_|VRING_|VHOST_USER|[Ss]pecification|section|linux/|RFC|IEEE|IANA|QEMU|DPDK|kernel|our own|of this|choice|measured", RegexOptions.None)]
    private static partial Regex SourceNamePattern();
}
