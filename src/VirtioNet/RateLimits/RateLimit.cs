namespace VhostNet.VirtioNet.RateLimits;

/// <summary>How much may pass: frames and bytes per second, each with what may pass at once after a quiet time. A rate of 0 doesn't limit.</summary>
public sealed record RateLimit
{
    /// <summary>A burst where none is stated: what the rate lets through in this time.</summary>
    private const double DefaultBurstSeconds = 0.01;

    /// <summary>Frames per second; a frame to be segmented counts as the frames that it becomes.</summary>
    public long FramesPerSecond { get; init; }

    /// <summary>Bytes of Ethernet frames per second, without preamble, gap and checksum.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Frames that may pass at once; 0 stands for 10 ms at the rate, at least one.</summary>
    public long BurstFrames { get; init; }

    /// <summary>Bytes that may pass at once; 0 stands for 10 ms at the rate, at least one long frame.</summary>
    public long BurstBytes { get; init; }

    /// <summary>True when nothing is limited.</summary>
    public bool IsUnlimited => FramesPerSecond <= 0 && BytesPerSecond <= 0;

    internal TokenBucket CreateFrameBucket(long nowNs) =>
        new(FramesPerSecond, BurstFrames > 0 ? BurstFrames : Math.Max(1, FramesPerSecond * DefaultBurstSeconds), nowNs);

    internal TokenBucket CreateByteBucket(long nowNs) =>
        new(BytesPerSecond, BurstBytes > 0 ? BurstBytes : Math.Max(1514, BytesPerSecond * DefaultBurstSeconds), nowNs);
}
