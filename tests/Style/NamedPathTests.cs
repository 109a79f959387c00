using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>A page that sends its reader somewhere sends him to something that is there.</summary>
public sealed partial class NamedPathTests
{
    private static readonly string[] s_pages = ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"];

    public static TheoryData<string> Pages => [.. s_pages];

    [Theory]
    [MemberData(nameof(Pages))]
    public void EveryPathThatIsNamedExists(string page)
    {
        string[] paths = [.. PathsIn(Repository.Files.Single(f => f.Path == page).Text, Path.GetDirectoryName(page)!)];
        Assert.NotEmpty(paths);
        Repository.AssertNone(
            from path in paths
            where !Path.Exists(Path.Combine(Repository.Root, path))
            select $"{page}: {path}",
            "Paths that the page names, in backticks or as a link, are there.");
    }

    /// <summary>The canary.</summary>
    [Theory]
    [InlineData("see `src/Aio/IoThread.cs` there", "src/Aio/IoThread.cs")]
    [InlineData("a [page](docs/metrics.md) of", "docs/metrics.md")]
    [InlineData("runs `./test.sh` or `Schedule`", "")]
    public void APathIsSeen(string text, string path) => Assert.Equal(path, string.Join(' ', PathsIn(text, string.Empty)));

    private static IEnumerable<string> PathsIn(string text, string folder) =>
        from Match match in PathPattern().Matches(text)
        let path = match.Groups[1].Success ? match.Groups[1].Value : Path.Combine(folder, match.Groups[2].Value)
        where !path.Contains('*', StringComparison.Ordinal)
        select path.TrimEnd('/');

    [GeneratedRegex(@"`((?:src|tests|bench|docs|models|deploy|eng)/[\w./*-]+)`|\]\(((?!http)[\w./-]+\.md)\)")]
    private static partial Regex PathPattern();
}
