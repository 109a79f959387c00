using System.Globalization;
using System.Reflection;
using System.Runtime.Loader;

namespace VhostNet.Abi.Tests;

/// <summary>
/// The constants of Tmds.LibC as its assembly for one machine has them: each is a property there, whose value differs from machine to machine.
/// </summary>
internal static class TmdsNumbers
{
    private static readonly Dictionary<string, Dictionary<string, long>> s_all = new[] { ("x86_64", "linux-x64"), ("aarch64", "linux-arm64") }
        .ToDictionary(static m => m.Item1, static m => Read(m.Item2));

    /// <summary>Values by name.</summary>
    /// <param name="architecture">As in uname(1).</param>
    public static Dictionary<string, long> For(string architecture) => s_all[architecture];

    /// <summary>Names of its functions.</summary>
    public static HashSet<string> Functions { get; } =
        [.. typeof(Tmds.Linux.LibC).GetMethods(BindingFlags.Public | BindingFlags.Static).Where(static m => !m.IsSpecialName).Select(static m => m.Name)];

    private static Dictionary<string, long> Read(string runtime)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "runtimes", runtime, "lib", "netstandard2.0", "Tmds.LibC.dll");
        Type type = new AssemblyLoadContext(runtime).LoadFromAssemblyPath(path).GetType("Tmds.Linux.LibC", throwOnError: true)!;
        return type.GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(static p => p.CanRead && !p.CanWrite && !p.PropertyType.IsPointer)
            .ToDictionary(static p => p.Name, static p => ToNumber(p.GetValue(null)!));
    }

    private static long ToNumber(object value)
    {
        if (value is ulong large)
        {
            return unchecked((long)large);
        }

        if (value is IConvertible)
        {
            return Convert.ToInt64(value, CultureInfo.InvariantCulture);
        }

        // mode_t, sa_family_t and the like hold one number.
        FieldInfo only = value.GetType().GetFields(BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance).Single();
        return ToNumber(only.GetValue(value)!);
    }
}
