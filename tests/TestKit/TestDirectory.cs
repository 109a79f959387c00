namespace VhostNet.TestKit;

/// <summary>A directory of one test's own, for sockets and small files, removed with it. Its path is short enough for a Unix socket.</summary>
public sealed class TestDirectory : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vhostnet-");

    /// <summary>The directory.</summary>
    public string Path => _directory.FullName;

    /// <summary>The path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose() => _directory.Delete(recursive: true);
}
