using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VhostNet.Style.Rooms;

/// <summary>Which of a project's files use which of its types, as the compiler sees it: with using or without, through a member, a base, a type argument or a reference in a comment.</summary>
internal static class TypeUses
{
    private static readonly MetadataReference[] s_references =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(static f => !Path.GetFileName(f).StartsWith("VhostNet", StringComparison.Ordinal))
            .Select(static f => MetadataReference.CreateFromFile(f)),
    ];

    private static readonly string[] s_globalUsings =
        ["System", "System.IO", "System.Linq", "System.Threading", "System.Threading.Tasks", "System.Collections.Generic", "VhostNet.LibC", "static VhostNet.LibC.LibC"];

    /// <summary>Pairs of files: one that uses a type, the one that it is declared in, and the type's name.</summary>
    /// <param name="project">Files of the project.</param>
    /// <param name="below">Files of the projects that it refers to.</param>
    public static IEnumerable<(string User, string Declaration, string Type)> Of(IEnumerable<SourceFile> project, IEnumerable<SourceFile> below)
    {
        var own = project.ToDictionary(f => (SyntaxTree)Parse(f), f => f.Path);
        string globals = string.Concat(s_globalUsings.Select(u => $"global using {u};\n"));
        var compilation = CSharpCompilation.Create(
            "Rooms",
            own.Keys.Concat(below.Select(Parse)).Append(Parse(new SourceFile("globals.cs", globals))),
            s_references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        var models = own.Keys.ToDictionary(static t => t, t => compilation.GetSemanticModel(t));
        var declared = new Dictionary<INamedTypeSymbol, HashSet<string>>(SymbolEqualityComparer.Default);
        foreach ((SyntaxTree tree, string path) in own)
        {
            SemanticModel model = models[tree];
            foreach (SyntaxNode node in tree.GetRoot().DescendantNodes().Where(static n => n is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax))
            {
                if (model.GetDeclaredSymbol(node) is INamedTypeSymbol { ContainingType: null } type)
                {
                    (declared.TryGetValue(type, out HashSet<string>? paths) ? paths : declared[type] = []).Add(path);
                }
            }
        }

        ILookup<string, INamedTypeSymbol> byName = declared.Keys.ToLookup(static t => t.Name);
        foreach ((SyntaxTree tree, string path) in own)
        {
            SemanticModel model = models[tree];
            foreach (INamedTypeSymbol type in UsedBy(tree, model, byName))
            {
                if (declared.TryGetValue(type, out HashSet<string>? paths) && !paths.Contains(path))
                {
                    yield return (path, paths.First(), type.Name);
                }
            }
        }
    }

    private static SyntaxTree Parse(SourceFile file) =>
        CSharpSyntaxTree.ParseText(file.Text, new CSharpParseOptions(LanguageVersion.Preview, DocumentationMode.Diagnose), file.Path);

    private static HashSet<INamedTypeSymbol> UsedBy(SyntaxTree tree, SemanticModel model, ILookup<string, INamedTypeSymbol> byName)
    {
        var used = new HashSet<INamedTypeSymbol>(SymbolEqualityComparer.Default);
        foreach (SimpleNameSyntax name in tree.GetRoot().DescendantNodes(descendIntoTrivia: true).OfType<SimpleNameSyntax>())
        {
            SymbolInfo info = model.GetSymbolInfo(name);
            if ((info.Symbol ?? info.CandidateSymbols.FirstOrDefault()) is { } symbol)
            {
                if (TopType(symbol) is { } type)
                {
                    used.Add(type);
                }
            }
            else if (name.Parent is not MemberAccessExpressionSyntax access || access.Name != name)
            {
                // Something of a package that is not at hand stands around it: the name itself says enough.
                used.UnionWith(byName[name.Identifier.ValueText]);
            }
        }

        return used;
    }

    /// <summary>The outermost type that a symbol is or belongs to.</summary>
    private static INamedTypeSymbol? TopType(ISymbol symbol)
    {
        INamedTypeSymbol? type = symbol is IMethodSymbol { ReducedFrom: { } extension } ? extension.ContainingType : symbol as INamedTypeSymbol ?? symbol.ContainingType;
        while (type?.ContainingType is { } outer)
        {
            type = outer;
        }

        return type?.OriginalDefinition;
    }
}
