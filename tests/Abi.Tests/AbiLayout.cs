namespace VhostNet.Abi.Tests;

/// <summary>A struct whose names are not those of C.</summary>
/// <param name="Type">The struct.</param>
/// <param name="CType">What it is in C, for example "struct vring_desc".</param>
/// <param name="Members">The C members of its fields, in the order of their offsets.</param>
public sealed record AbiLayout(Type Type, string CType, params string[] Members)
{
    /// <summary>The struct holds the beginning of the C one only.</summary>
    public bool IsPrefix { get; init; }
}
