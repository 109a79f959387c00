using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace VhostNet.Mutation.Sites;

/// <summary>The projects under src, compiled as far as types are needed to choose mutants. What source generators would add is missing, and not missed.</summary>
internal sealed class Sources
{
    private static readonly string[] s_order = ["LibC", "Aio", "VhostUser", "VirtioNet", "Daemon"];
    private static readonly CSharpParseOptions s_options = new(LanguageVersion.Preview);
    private static readonly string[] s_usings =
    [
        "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Threading", "System.Threading.Tasks",
    ];

    private readonly string _root;
    private readonly Dictionary<string, CSharpCompilation> _compilations = [];

    public Sources(string root) => _root = root;

    /// <summary>Every mutant of the projects that were asked for, ordered by file and place.</summary>
    public IReadOnlyList<Mutant> FindMutants(IReadOnlyCollection<string> projects)
    {
        List<Mutant> found = [];
        List<MetadataReference> references = [.. Framework()];
        foreach (string project in s_order)
        {
            CSharpCompilation compilation = Compile(project, references);
            _compilations[project] = compilation;
            references.Add(compilation.ToMetadataReference());
            foreach (SyntaxTree tree in projects.Contains(project) ? compilation.SyntaxTrees.Where(static t => t.FilePath.Length > 0) : [])
            {
                found.AddRange(MutantFinder.Find(tree.FilePath, tree, compilation.GetSemanticModel(tree)));
            }
        }

        return found;
    }

    /// <summary>The compiler takes the mutant. Any thread.</summary>
    public bool Compiles(Mutant mutant)
    {
        CSharpCompilation compilation = _compilations[mutant.Project];
        SyntaxTree tree = compilation.SyntaxTrees.First(t => t.FilePath == mutant.Path);
        SyntaxTree mutated = CSharpSyntaxTree.ParseText(Schemata.Render(tree.ToString(), [mutant]), s_options, mutant.Path);
        return Errors(compilation, tree) == Errors(compilation.ReplaceSyntaxTree(tree, mutated), mutated);
    }

    /// <summary>Those that are there anyway come from what generators would add.</summary>
    private static int Errors(CSharpCompilation compilation, SyntaxTree tree) =>
        compilation.GetSemanticModel(tree).GetDiagnostics().Count(static d => d.Severity == DiagnosticSeverity.Error);

    private static IEnumerable<MetadataReference> Framework()
    {
        string core = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string web = core.Replace("Microsoft.NETCore.App", "Microsoft.AspNetCore.App", StringComparison.Ordinal);
        IEnumerable<string> files = Directory.EnumerateFiles(core, "*.dll").Concat(Directory.Exists(web) ? Directory.EnumerateFiles(web, "*.dll") : []);
        return files.Where(static f => Path.GetFileName(f)[0] is 'S' or 'M' or 'n' or 'm' && !f.EndsWith(".Native.dll", StringComparison.Ordinal))
            .Select(static f => MetadataReference.CreateFromFile(f));
    }

    private CSharpCompilation Compile(string project, IEnumerable<MetadataReference> references)
    {
        string folder = Path.Combine(_root, "src", project);
        var trees = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(static f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), s_options, Path.GetRelativePath(_root, f)));
        XDocument file = XDocument.Load(Path.Combine(folder, $"VhostNet.{project}.csproj"));
        IEnumerable<string> usings = file.Descendants("Using")
            .Select(static u => (u.Attribute("Static") is null ? string.Empty : "static ") + u.Attribute("Include")!.Value)
            .Concat(s_usings);
        string added = string.Join('\n', usings.Select(static u => $"global using {u};"));
        return CSharpCompilation.Create(
            $"VhostNet.{project}",
            [.. trees, CSharpSyntaxTree.ParseText(added, s_options), CSharpSyntaxTree.ParseText(project == s_order[0] ? Schemata.SwitchSource : string.Empty, s_options)],
            references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, metadataImportOptions: MetadataImportOptions.All));
    }
}
