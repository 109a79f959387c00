using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace VhostNet.Samples;

/// <summary>What the libraries' pages show compiles, against the packages.</summary>
public sealed partial class SnippetTests
{
    private const string Usings =
        """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;
        global using VhostNet.LibC; global using VhostNet.Aio; global using VhostNet.VhostUser.Backend; global using VhostNet.VhostUser.Virtqueues; global using VhostNet.VhostUser.Frontend;
        """;

    public static TheoryData<string> Pages =>
    [
        "docs/libraries/device.md", "docs/libraries/aio-for-qemu.md", "docs/libraries/aio-for-libuv.md",
        "src/LibC/README.md", "src/Aio/README.md", "src/VhostUser/README.md", "src/VhostUser.Frontend/README.md",
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void EverySnippetCompiles(string page)
    {
        string[] snippets = [.. Snippet().Matches(File.ReadAllText(Path.Combine(Repository.Root, page))).Select(m => m.Groups[1].Value)];
        Assert.NotEmpty(snippets);
        Assert.All(snippets, s => Assert.Empty(Errors(s)));
    }

    /// <summary>The canary.</summary>
    [Fact]
    public void AMemberThatIsNotPublicIsSeen() => Assert.NotEmpty(Errors("new AioContext().Frobnicate();"));

    private static IEnumerable<string> Errors(string snippet)
    {
        // FrontEnd's folder holds all libraries but VirtioNet, as they came out of the packages.
        string packages = Path.Combine(Repository.Root, "artifacts", "samples", "bin", "FrontEnd", "release");
        IEnumerable<string> runtime = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Where(f => Path.GetFileName(f).StartsWith("System.", StringComparison.Ordinal));
        var compilation = CSharpCompilation.Create(
            "Snippet",
            [CSharpSyntaxTree.ParseText(Usings), CSharpSyntaxTree.ParseText(snippet)],
            runtime.Concat(Directory.EnumerateFiles(packages, "VhostNet.*.dll")).Select(f => MetadataReference.CreateFromFile(f)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, allowUnsafe: true));
        return compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString());
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();
}
