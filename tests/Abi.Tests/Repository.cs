namespace VhostNet.Abi.Tests;

/// <summary>The source tree that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Names of the files in a folder.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root(), folder), pattern).Select(static f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    private static string Root()
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
}
