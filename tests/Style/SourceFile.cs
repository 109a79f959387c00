namespace VhostNet.Style;

/// <summary>A file of the source tree.</summary>
/// <param name="Path">Path below the root, with slashes.</param>
/// <param name="Text">What is in it.</param>
public sealed record SourceFile(string Path, string Text)
{
    private string? _code;

    public string Name => System.IO.Path.GetFileName(Path);

    public bool IsCSharp => Path.EndsWith(".cs", StringComparison.Ordinal);

    public string[] Lines => Text.Split('\n');

    /// <summary>C# without comments and strings.</summary>
    public string Code => _code ??= SourceText.CodeOf(Text);

    public bool IsIn(params string[] folders) => folders.Any(f => Path.StartsWith(f + "/", StringComparison.Ordinal));

    public override string ToString() => Path;
}
