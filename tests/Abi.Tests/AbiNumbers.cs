using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace VhostNet.Abi.Tests;

/// <summary>Numbers of a class, whether C# has them as constants or takes them from elsewhere.</summary>
internal static class AbiNumbers
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>The machine that runs the tests, as in uname(1).</summary>
    public static string RunningArchitecture => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? "x86_64" : "aarch64";

    /// <summary>Properties that stand for a macro of C: numbers that nobody can set, in capitals.</summary>
    public static IEnumerable<PropertyInfo> PropertiesOf(Type type) =>
        type.GetProperties(All)
            .Where(static p => p is { CanRead: true, CanWrite: false, PropertyType.IsPrimitive: true })
            .Where(static p => p.PropertyType != typeof(bool) && !p.Name.Any(char.IsLower));

    /// <summary>Names and values, as a machine has them.</summary>
    /// <param name="type">The class.</param>
    /// <param name="architecture">The machine.</param>
    public static IEnumerable<(string Name, object Value)> Of(Type type, string architecture)
    {
        foreach (FieldInfo field in type.GetFields(All).Where(static f => f.IsLiteral && !f.IsPrivate))
        {
            yield return (field.Name, field.GetRawConstantValue()!);
        }

        foreach (PropertyInfo property in PropertiesOf(type))
        {
            yield return (property.Name, architecture == RunningArchitecture ? property.GetValue(null)! : OfType(property, TmdsNumbers.For(architecture)[property.Name]));
        }
    }

    /// <summary>Any number as one of 64 bits.</summary>
    public static long ToInt64(object value) => value is ulong large ? unchecked((long)large) : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    /// <summary>A number of the base's as our property has it: several of its types are signed where ours, as C's, are not.</summary>
    public static long OfType(PropertyInfo property, long value) => property.PropertyType == typeof(uint) ? unchecked((uint)value) : value;
}
