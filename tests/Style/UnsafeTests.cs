using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>What the compiler can't vouch for stands in files that say so.</summary>
public sealed partial class UnsafeTests
{
    [Fact]
    public void UnsafeCodeIsInItsFiles() => Repository.AssertNone(
        from file in Repository.Product
        where !file.IsIn("src/LibC") && !file.Name.EndsWith(".Unsafe.cs", StringComparison.Ordinal)
        from Match match in UnsafePattern().Matches(file.Code)
        select $"{file.Path}:{file.Code.AsSpan(0, match.Index).Count('\n') + 1}: {match.Value}",
        "unsafe, Unsafe, MemoryMarshal and NativeMemory only in *.Unsafe.cs and in src/LibC.");

    [Fact]
    public void UnsafeFilesSayWhyTheyAreSound() => Repository.AssertNone(
        from file in Repository.Product
        where !file.IsIn("src/LibC") && file.Name.EndsWith(".Unsafe.cs", StringComparison.Ordinal)
        where UnsafePattern().Count(file.Code) > DeclarationPattern().Count(file.Code) && !file.Text.Contains("SAFETY", StringComparison.Ordinal)
        select file.Path,
        "Unsafe code has a comment 'SAFETY:' that says why it is sound, at the member or for the whole file.");

    // A structure with pointers for a C library does nothing by itself.
    [GeneratedRegex(@"\bunsafe struct\b")]
    private static partial Regex DeclarationPattern();

    [GeneratedRegex(@"\bunsafe\b|\bUnsafe\.|\bMemoryMarshal\.|\bNativeMemory\.")]
    private static partial Regex UnsafePattern();
}
