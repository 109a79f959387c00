namespace VhostNet.Mutation.Runs;

/// <summary>The test programs of the copy.</summary>
internal sealed class TestSuites
{
    private readonly ScratchCopy _copy;
    private readonly IReadOnlyList<string> _parts;

    /// <param name="copy">The copy.</param>
    /// <param name="parts">Parts of names of the classes to use; empty for all.</param>
    public TestSuites(ScratchCopy copy, IReadOnlyList<string> parts)
    {
        _copy = copy;
        _parts = parts;
    }

    /// <summary>Where files of a run may be put.</summary>
    public string Folder => _copy.Path;

    /// <summary>The classes of a project's tests.</summary>
    public IEnumerable<TestClass> Classes(string project) =>
        from line in ChildRun.Execute(Program(project), ["-list", "classes"], _copy.Path, TimeSpan.FromMinutes(2)).Output.Split('\n')
        let name = line.Trim()
        where name.StartsWith("VhostNet.", StringComparison.Ordinal) && (_parts.Count == 0 || _parts.Any(name.Contains))
        select new TestClass(project, name);

    /// <summary>Runs classes of one project in one process, until the first test fails.</summary>
    public ProcessResult Run(string project, IEnumerable<TestClass> classes, TimeSpan limit, params IEnumerable<(string Name, string Value)> environment) => ChildRun.Execute(
        Program(project),
        [.. classes.SelectMany(static c => new[] { "-class", c.Name }), "-noLogo", "-noColor", "-stopOnFail"],
        _copy.Path,
        limit,
        "[FAIL]",
        [.. environment, ("DOTNET_GCHeapHardLimit", "0x80000000"), ("DOTNET_DbgEnableMiniDump", "0")]);

    private string Program(string project) => Path.Combine(_copy.Path, "artifacts", "bin", $"VhostNet.{project}.Tests", "release", $"VhostNet.{project}.Tests");
}
