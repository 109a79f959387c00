namespace VhostNet.Mutation.Runs;

/// <summary>What became of a mutant.</summary>
internal enum Verdict
{
    /// <summary>A test failed, or the process died.</summary>
    Killed,

    /// <summary>The tests did not come to an end.</summary>
    Timeout,

    /// <summary>All tests that reach it are green.</summary>
    Survived,

    /// <summary>No test reaches it.</summary>
    NotReached,
}
