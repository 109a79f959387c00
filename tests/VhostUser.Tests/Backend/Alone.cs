namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Tests that count what the whole process has open run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
