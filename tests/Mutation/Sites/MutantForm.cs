namespace VhostNet.Mutation.Sites;

/// <summary>How a mutant and the original stand beside each other in one text.</summary>
internal enum MutantForm
{
    /// <summary>(on ? mutated : original).</summary>
    Expression,

    /// <summary>if (on) { mutated } else { original }.</summary>
    Statement,

    /// <summary>The original with "if (!on)" before it.</summary>
    Removal,
}
