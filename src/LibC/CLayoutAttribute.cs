namespace VhostNet.LibC;

/// <summary>Tells the ABI test what a type or a member is called in C, where the names differ.</summary>
/// <param name="name">The C name: of a struct (its tag), of a typedef, or of a member.</param>
/// <param name="architecture">The one architecture that has this layout, or null for all.</param>
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Field)]
internal sealed class CLayoutAttribute(string name, string? architecture = null) : Attribute
{
    /// <summary>The C name.</summary>
    public string Name { get; } = name;

    /// <summary>x86_64 or aarch64, or null for all.</summary>
    public string? Architecture { get; } = architecture;
}
