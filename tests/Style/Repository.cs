namespace VhostNet.Style;

/// <summary>The source tree that the tests were built from.</summary>
public static class Repository
{
    private static readonly string s_root = FindRoot();
    private static readonly string[] s_skipped = ["artifacts", "out", "bin", "obj", ".git", ".cache", "BenchmarkDotNet.Artifacts", "TestResults", ".vs", ".idea"];
    private static readonly string[] s_binary = [".png", ".pcap", ".gz", ".qcow2", ".bin", ".so", ".dll", ".snap"];

    private static readonly Lazy<SourceFile[]> s_files = new(static () => [.. Walk(new DirectoryInfo(s_root)).OrderBy(static f => f.Path, StringComparer.Ordinal)]);

    public static string Root => s_root;

    /// <summary>Every text file.</summary>
    public static SourceFile[] Files => s_files.Value;

    public static IEnumerable<SourceFile> CSharp => Files.Where(static f => f.IsCSharp);

    /// <summary>C# of the product.</summary>
    public static IEnumerable<SourceFile> Product => CSharp.Where(static f => f.IsIn("src"));

    /// <summary>C# of the four libraries.</summary>
    public static IEnumerable<SourceFile> Libraries => CSharp.Where(static f => f.IsIn("src/LibC", "src/Aio", "src/VhostUser", "src/VirtioNet"));

    /// <summary>Fails with one line for each offence.</summary>
    public static void AssertNone(IEnumerable<string> offences, string rule)
    {
        string[] all = [.. offences];
        Assert.True(all.Length == 0, $"{rule}{Environment.NewLine}{string.Join(Environment.NewLine, all.Take(50))}");
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "VhostNet.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds VhostNet.sln; run the tests from the source tree.");
    }

    private static IEnumerable<SourceFile> Walk(DirectoryInfo folder)
    {
        foreach (FileInfo file in folder.EnumerateFiles().Where(static f => f.LinkTarget is null && f.Name != ".git" && f.Length < 2_000_000 && !s_binary.Contains(f.Extension)))
        {
            yield return new SourceFile(Path.GetRelativePath(Root, file.FullName).Replace('\\', '/'), File.ReadAllText(file.FullName));
        }

        foreach (SourceFile file in folder.EnumerateDirectories().Where(static d => !s_skipped.Contains(d.Name) && d.LinkTarget is null).SelectMany(Walk))
        {
            yield return file;
        }
    }
}
