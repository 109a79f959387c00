namespace VhostNet.Aio;

/// <summary>
/// A store and what follows it. A type parameter, so that the litmus tests can run the same code without the barrier at no cost to the product.
/// </summary>
internal interface IBarrier
{
    /// <summary>Stores a value.</summary>
    static abstract void Store(ref int location, int value);

    /// <summary>Adds one.</summary>
    static abstract void Increment(ref long location);
}
