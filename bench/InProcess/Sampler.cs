namespace VhostNet.InProcess;

/// <summary>Something whose cost can be sampled again and again for a short time.</summary>
internal abstract class Sampler : IDisposable
{
    /// <summary>About how long one sample takes, in nanoseconds of the work that counts.</summary>
    protected const long SampleNs = 500_000;

    /// <summary>Works for a short time.</summary>
    /// <returns>Nanoseconds for each unit of work: a frame, a copy, a checksum.</returns>
    public abstract double Sample();

    /// <summary>Anything worth saying about the run, once it is over.</summary>
    public virtual string Note => "";

    /// <inheritdoc/>
    public abstract void Dispose();
}
