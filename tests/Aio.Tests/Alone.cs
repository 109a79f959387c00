namespace VhostNet.Aio.Tests;

/// <summary>Tests that need both processors for themselves.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
