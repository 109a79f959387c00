namespace VhostNet.EndToEnd;

/// <summary>Cases that run with nothing beside them: they measure time, or DPDK's poll loops take both cores.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    /// <summary>The collection's name.</summary>
    public const string Name = "alone";
}
