using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>How files are cut and named.</summary>
public sealed partial class LayoutTests
{
    private const int LongestFile = 600;

    [Fact]
    public void FilesAreShort() => Repository.AssertNone(
        from file in Repository.CSharp
        let lines = file.Text.AsSpan().Count('\n')
        where lines > LongestFile
        select $"{file.Path}: {lines} lines",
        $"A C# file has at most {LongestFile} lines.");

    /// <summary>Folder = namespace; the solution's projects are VhostNet.X.</summary>
    [Fact]
    public void NamespacesFollowFolders() => Repository.AssertNone(
        from file in Repository.Product
        from Match match in NamespacePattern().Matches(file.Code)
        let folder = "VhostNet." + string.Join('.', file.Path.Split('/')[1..^1])
        where match.Groups[1].Value != folder
        select $"{file.Path}: {match.Groups[1].Value}, not {folder}",
        "The folder's name is the namespace.");

    [Fact]
    public void NamespacesAreFileScoped() => Repository.AssertNone(
        from file in Repository.CSharp
        where BlockNamespacePattern().IsMatch(file.Code)
        select file.Path,
        "Namespaces are file-scoped.");

    /// <summary>A file is named after its type; parts are Type.Part.cs. src/LibC has a file for each C header instead.</summary>
    [Fact]
    public void AFileHoldsOneTypeOfItsName() => Repository.AssertNone(
        from file in Repository.Product
        where !file.Name.EndsWith(".h.cs", StringComparison.Ordinal) && file.Name != "Program.cs" && !file.Name.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)
        let types = TopLevelTypePattern().Matches(file.Code).Select(static m => m.Groups[2].Value).Distinct().ToArray()
        where types.Length != 1 || types[0] != file.Name.Split('.')[0]
        select $"{file.Path}: {(types.Length == 0 ? "no type" : string.Join(", ", types))}",
        "One type in a file, and the file is named after it.");

    [GeneratedRegex(@"^namespace\s+([\w.]+)\s*;", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"^namespace\s+[\w.]+\s*\{", RegexOptions.Multiline)]
    private static partial Regex BlockNamespacePattern();

    [GeneratedRegex(@"^(?:(?:public|internal|file|static|sealed|abstract|partial|readonly|ref|unsafe)\s+)*(class|struct|interface|enum|record struct|record|delegate [\w<>?\[\]., ]+?)\s+(\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelTypePattern();
}
