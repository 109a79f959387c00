namespace VhostNet.Abi.Tests;

/// <summary>Types and constants that one C program checks. A layer adds a row to <see cref="AbiTable"/> for what it lays out itself.</summary>
/// <param name="Name">Name of the case.</param>
public sealed record AbiUnit(string Name)
{
    /// <summary>Headers to include, in order.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>C declarations, for what has no header: as the specification prints them.</summary>
    public string Declarations { get; init; } = string.Empty;

    /// <summary>Structs under their C names: size, and offset and size of every public field. <see cref="CLayoutAttribute"/> tells names that differ.</summary>
    public Type[] Structs { get; init; } = [];

    /// <summary>Structs under other names.</summary>
    public AbiLayout[] Layouts { get; init; } = [];

    /// <summary>Constants.</summary>
    public AbiConstants[] Constants { get; init; } = [];

    /// <summary>Conditions of their own.</summary>
    public string[] Conditions { get; init; } = [];

    public override string ToString() => Name;
}
