namespace VhostNet.Abi.Tests;

/// <summary>The constants of a class. Those whose names hold lower-case letters are not the specification's and are left out.</summary>
/// <param name="Type">A class or a struct.</param>
/// <param name="Prefix">What stands before each name in C.</param>
public sealed record AbiConstants(Type Type, string Prefix = "")
{
    /// <summary>C has the bit's number, the class the bit itself.</summary>
    public bool AreBits { get; init; }

    /// <summary>Names that do not follow from the prefix; null for those that no header has.</summary>
    public Dictionary<string, string?> Names { get; init; } = [];

    /// <summary>Constants that the headers of this system may not know yet: checked only if they do.</summary>
    public string[] NewerThanHeaders { get; init; } = [];
}
