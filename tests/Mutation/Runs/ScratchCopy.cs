using System.Text.RegularExpressions;
using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation.Runs;

/// <summary>A copy of the tree, outside of it, with all mutants compiled in.</summary>
internal sealed partial class ScratchCopy : IDisposable
{
    private static readonly TimeSpan s_buildLimit = TimeSpan.FromMinutes(20);

    private readonly string _root;
    private readonly bool _keep;

    private ScratchCopy(string root, string path, bool keep)
    {
        _root = root;
        Path = path;
        _keep = keep;
    }

    /// <summary>The copy's root.</summary>
    public string Path { get; }

    /// <summary>Copies what git knows of, or would.</summary>
    public static ScratchCopy Create(string root, bool keep)
    {
        ProcessResult files = ChildRun.Execute("git", ["ls-files", "-co", "--exclude-standard"], root, TimeSpan.FromMinutes(1));
        var copy = new ScratchCopy(root, Directory.CreateTempSubdirectory("vhostnet-mutation-").FullName, keep);
        foreach (string file in files.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string source = System.IO.Path.Combine(root, file);
            if (File.Exists(source))
            {
                string target = System.IO.Path.Combine(copy.Path, file);
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
                File.Copy(source, target);
            }
        }

        return copy;
    }

    /// <summary>Compiles the mutants, without those that the compiler refuses.</summary>
    /// <param name="mutants">Them.</param>
    /// <exception cref="MutationException">Something else does not compile.</exception>
    public List<Mutant> Build(List<Mutant> mutants)
    {
        File.WriteAllText(System.IO.Path.Combine(Path, "src", "LibC", "MutantSwitch.Unsafe.cs"), Schemata.SwitchSource);
        // What the chooser let through is refused seldom: where the sources that it lacks, those of generators, matter.
        string[] projects = [.. mutants.Select(static m => m.Project).Distinct()];
        for (int next = 0; next < projects.Length;)
        {
            Write(mutants);
            HashSet<int> refused = Refused(Compile($"tests/{projects[next]}.Tests"));
            next += refused.Count == 0 ? 1 : 0;
            mutants = [.. mutants.Where(m => !refused.Contains(m.Id))];
        }

        return mutants;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_keep)
        {
            Directory.Delete(Path, recursive: true);
        }
    }

    private ProcessResult Compile(string project) => ChildRun.Execute(
        "dotnet",
        [
            "build", "-c", "Release", project, "-v", "q", "-clp:NoSummary",
            "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:WarningLevel=0", "-p:GenerateDocumentationFile=false",
        ],
        Path,
        s_buildLimit);

    private void Write(List<Mutant> mutants)
    {
        foreach (IGrouping<string, Mutant> file in mutants.GroupBy(static m => m.Path))
        {
            File.WriteAllText(System.IO.Path.Combine(Path, file.Key), Schemata.Render(File.ReadAllText(System.IO.Path.Combine(_root, file.Key)), file));
        }
    }

    /// <summary>The mutants on the lines that the compiler complains about, or nearest above them.</summary>
    private static HashSet<int> Refused(ProcessResult build)
    {
        HashSet<int> refused = [];
        foreach (Match error in ErrorPattern().Matches(build.Output))
        {
            string[] lines = File.ReadAllLines(error.Groups[1].Value);
            int line = int.Parse(error.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture) - 1;
            int[] there = [];
            for (int i = line; i >= 0 && there.Length == 0; i--)
            {
                there = [.. Schemata.OnLine(lines[i])];
            }

            refused.UnionWith(there);
        }

        return refused.Count > 0 || build.ExitCode == 0 ? refused : throw new MutationException($"The mutated copy does not compile:\n{build.Output}");
    }

    [GeneratedRegex(@"^\s*(\S+\.cs)\((\d+),\d+\): error", RegexOptions.Multiline)]
    private static partial Regex ErrorPattern();
}
