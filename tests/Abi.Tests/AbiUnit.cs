using System.Reflection;

namespace VhostNet.Abi.Tests;

/// <summary>Types and constants that one C program checks. A layer adds a row to <see cref="AbiTable"/> for what it lays out itself.</summary>
/// <param name="Name">Name of the case.</param>
public sealed record AbiUnit(string Name)
{
    /// <summary>Headers to include, in order.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>C declarations, for what has no header: as the specification prints them.</summary>
    public string Declarations { get; init; } = string.Empty;

    /// <summary>Structs: size, and offset and size of every public field. <see cref="CLayoutAttribute"/> tells names that differ in C.</summary>
    public Type[] Structs { get; init; } = [];

    /// <summary>Static classes and enums whose public or internal constants have the same names and values in C.</summary>
    public Type[] Constants { get; init; } = [];

    /// <summary>Put before a constant's name to get the C name, for example VHOST_USER_.</summary>
    public Func<MemberInfo, string> CName { get; init; } = static member => member.GetCustomAttribute<CLayoutAttribute>()?.Name ?? member.Name;

    /// <summary>Constants that the headers of this system may not know yet: checked only if they do.</summary>
    public string[] NewerThanHeaders { get; init; } = [];

    public override string ToString() => Name;
}
