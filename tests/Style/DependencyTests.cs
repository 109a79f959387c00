using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace VhostNet.Style;

/// <summary>LibC ← Aio ← VhostUser ← VirtioNet ← Daemon; the driver side, VhostUser.Frontend, beside VirtioNet, and nothing that the daemon ships.</summary>
public sealed partial class DependencyTests
{
    private static readonly string[] s_order = ["LibC", "Aio", "VhostUser", "VirtioNet", "Daemon", "VhostUser.Frontend", "Ctl"];

    [Fact]
    public void ProjectsReferOnlyDownwards() => Repository.AssertNone(
        from file in Repository.Files
        where file.IsIn("src") && file.Path.EndsWith(".csproj", StringComparison.Ordinal)
        let project = file.Path.Split('/')[1]
        from reference in XDocument.Parse(file.Text).Descendants("ProjectReference")
        let target = ProjectName(reference.Attribute("Include")!.Value)
        where Rank(target) >= Rank(project)
        select $"{file.Path}: {project} must not refer to {target}",
        "Dependencies run one way: LibC <- Aio <- VhostUser <- VirtioNet <- Daemon.");

    /// <summary>The operator's tool knows the daemon by its control socket, and of the libraries the calls of the system.</summary>
    [Fact]
    public void CtlKnowsTheControlApiOnly() => Repository.AssertNone(
        from file in Repository.Files
        where file.Path == "src/Ctl/VhostNet.Ctl.csproj"
        from reference in XDocument.Parse(file.Text).Descendants("ProjectReference")
        let target = ProjectName(reference.Attribute("Include")!.Value)
        where target is not ("LibC" or "VhostUser.Frontend")
        select $"{file.Path}: Ctl must not refer to {target}",
        "vhostnetctl knows the control API only.");

    [Fact]
    public void NamespacesAreUsedOnlyDownwards() => Repository.AssertNone(
        from file in Repository.Product
        let project = file.Path.Split('/')[1]
        from Match match in NamespacePattern().Matches(file.Code)
        let target = match.Groups[1].Value
        where s_order.Contains(target) && Rank(target) > Rank(project)
        select $"{file.Path}: {project} must not use VhostNet.{target}",
        "Dependencies run one way: LibC <- Aio <- VhostUser <- VirtioNet <- Daemon.");

    [Fact]
    public void LibrariesNeedTmdsLibCAlone() => Repository.AssertNone(
        from file in Repository.Files
        where file.IsIn("src/LibC", "src/Aio", "src/VhostUser", "src/VirtioNet") && file.Path.EndsWith(".csproj", StringComparison.Ordinal)
        from reference in XDocument.Parse(file.Text).Descendants("PackageReference")
        where (file.Name, reference.Attribute("Include")?.Value) is not ("VhostNet.LibC.csproj", "Tmds.LibC")
        select $"{file.Path}: {reference.Attribute("Include")?.Value}",
        "The libraries stand on the base class library and, in src/LibC, on Tmds.LibC.");

    /// <summary>Samples and the template stand for a stranger's projects: they know the packages, and nothing of this house's build.</summary>
    [Fact]
    public void VersionsAreCentral() => Repository.AssertNone(
        from file in Repository.Files
        where file.Path.EndsWith(".csproj", StringComparison.Ordinal) && !file.IsIn("samples", "eng/template")
        from reference in XDocument.Parse(file.Text).Descendants("PackageReference")
        where reference.Attribute("Version") is not null
        select $"{file.Path}: {reference.Attribute("Include")?.Value}",
        "Package versions belong in Directory.Packages.props.");

    [Fact]
    public void EveryProjectIsInTheSolution()
    {
        string solution = File.ReadAllText(Path.Combine(Repository.Root, "VhostNet.sln")).Replace('\\', '/');
        Repository.AssertNone(
            from file in Repository.Files
            where file.Path.EndsWith(".csproj", StringComparison.Ordinal) && !file.IsIn("samples", "eng/template") && !solution.Contains(file.Path, StringComparison.Ordinal)
            select file.Path,
            "dotnet sln add these projects.");
    }

    private static string ProjectName(string include) => Path.GetFileNameWithoutExtension(include.Replace('\\', '/'))["VhostNet.".Length..];

    private static int Rank(string project) => Array.IndexOf(s_order, project) is var i && i < 0 ? s_order.Length : i;

    [GeneratedRegex(@"\bVhostNet\.(VhostUser\.Frontend|\w+)")]
    private static partial Regex NamespacePattern();
}
