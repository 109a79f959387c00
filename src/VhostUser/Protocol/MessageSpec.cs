namespace VhostNet.VhostUser.Protocol;

/// <summary>One row of the message table: everything about a request that can be checked without knowing what it does.</summary>
/// <param name="Code">The request.</param>
/// <param name="PayloadMin">Fewest bytes of payload.</param>
/// <param name="PayloadMax">Most bytes of payload.</param>
internal sealed record MessageSpec(RequestCode Code, int PayloadMin, int PayloadMax)
{
    /// <summary>Fewest descriptors.</summary>
    public int DescriptorsMin { get; init; }

    /// <summary>Most descriptors.</summary>
    public int DescriptorsMax { get; init; }

    /// <summary>Protocol features that must be negotiated, all of them.</summary>
    public ulong NeedsProtocol { get; init; }

    /// <summary>Virtio features that must be acknowledged.</summary>
    public ulong NeedsVirtio { get; init; }

    /// <summary>The rings are reconciled with the state after this message.</summary>
    public bool TouchesRings { get; init; }

    /// <summary>What it is answered with.</summary>
    public ReplyKind Reply { get; init; }

    /// <summary>False for requests of other kinds of devices: always refused.</summary>
    public bool IsServed { get; init; } = true;

    /// <summary>The specification's name of the message.</summary>
    public string Name { get; } = Code.ToString();

    /// <summary>Checks the size of a payload; null when it is right, otherwise a sentence about what is wrong.</summary>
    public string? CheckPayload(int size)
    {
        if (size >= PayloadMin && size <= PayloadMax)
        {
            return null;
        }

        string right = PayloadMin == PayloadMax ? $"{PayloadMin}" : $"{PayloadMin} to {PayloadMax}";
        return $"{Name} has {size} bytes of payload; {right} would be right";
    }

    /// <summary>Checks the number of descriptors; null when it is right, otherwise a sentence about what is wrong.</summary>
    public string? CheckDescriptors(int count)
    {
        if (count >= DescriptorsMin && count <= DescriptorsMax)
        {
            return null;
        }

        string right = DescriptorsMin == DescriptorsMax ? $"{DescriptorsMin}" : $"{DescriptorsMin} to {DescriptorsMax}";
        return $"{Name} came with {count} descriptors; {right} would be right";
    }
}
