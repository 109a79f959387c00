namespace VhostNet.Abi.Tests;

/// <summary>Everything that is laid out for the kernel or for another process.</summary>
public static class AbiTable
{
    public static readonly AbiUnit[] Units =
    [
        new("LibC")
        {
            // One file for each header; the kernel's own headers come last, as they step aside for the C library's.
            Headers = [.. Repository.Files("src/LibC", "*.h.cs").Select(static f => f.Replace(".cs", string.Empty, StringComparison.Ordinal)).OrderBy(static f => f.StartsWith("linux_", StringComparison.Ordinal)).Select(ToHeader)],
            Structs = [.. typeof(LibC.LibC).Assembly.GetExportedTypes().Where(static t => t is { IsValueType: true, IsEnum: false } && char.IsLower(t.Name[0]))],
            Constants = [typeof(LibC.LibC), typeof(LibC.LibC.x86_64), typeof(LibC.LibC.aarch64)],

            // Linux 6.2.
            NewerThanHeaders = ["TUN_F_USO4", "TUN_F_USO6"],
        },
    ];

    private static string ToHeader(string file)
    {
        int underscore = file.IndexOf('_', StringComparison.Ordinal);
        return underscore < 0 ? file : $"{file[..underscore]}/{file[(underscore + 1)..]}";
    }
}
