namespace VhostNet.Aio;

/// <summary>Counters of one context.</summary>
public readonly record struct AioStatistics
{
    /// <summary>Passes of the loop.</summary>
    public long Polls { get; init; }

    /// <summary>Passes that asked the kernel.</summary>
    public long Waits { get; init; }

    /// <summary>System calls made to wake the home thread.</summary>
    public long NotifierWrites { get; init; }
}
