namespace VhostNet.Fuzz;

/// <summary>A case found something; the message says what.</summary>
internal sealed class FuzzException(string message, long? seed = null) : Exception(message)
{
    /// <summary>The seed of the case, where it is another one than the last.</summary>
    public long? Seed => seed;
}
