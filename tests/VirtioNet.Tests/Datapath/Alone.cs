namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Tests that count what the whole process has open, or change where its memory comes from, run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
