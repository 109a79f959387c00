using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.RateLimits;

/// <summary>
/// A limit on frames and bytes of one direction of one port (two token buckets). The clock is read once for each burst, by the caller. Any data thread: a lock
/// is taken once per burst, and only where a limit is set.
/// </summary>
public sealed class RateLimiter
{
    /// <summary>Bytes are let through as long as the bucket isn't empty; this is what counts as not empty.</summary>
    private const double LeastBytes = 1;

    /// <summary>A held back sender is woken at most this often.</summary>
    private const long GroupNs = 100_000;

    private readonly RingLock _lock = new();
    private TokenBucket _frames;
    private TokenBucket _bytes;

    /// <summary>Creates a limiter with full buckets.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="clock">The clock of the rates; null for the monotonic one.</param>
    public RateLimiter(RateLimit limit, AioClock? clock = null)
    {
        ArgumentNullException.ThrowIfNull(limit);
        Clock = clock ?? AioClock.Monotonic;
        if (limit.FramesPerSecond < 0 || limit.BytesPerSecond < 0 || limit.BurstFrames < 0 || limit.BurstBytes < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(limit), limit, "Rates and bursts must be 0 (not limited, or the default burst) or more.");
        }

        Limit = limit;
        long now = Clock.NowNs;
        _frames = limit.CreateFrameBucket(now);
        _bytes = limit.CreateByteBucket(now);
    }

    /// <summary>The clock of the rates.</summary>
    public AioClock Clock { get; }

    /// <summary>The limit.</summary>
    public RateLimit Limit { get; }

    /// <summary>Lets frames through, from the first, as far as the limit allows, and takes their tokens.</summary>
    /// <returns>How many may pass.</returns>
    public int Admit(FrameBurst burst, ReadOnlySpan<ushort> frames, long nowNs)
    {
        ArgumentNullException.ThrowIfNull(burst);
        _lock.Enter();
        _frames.Refill(nowNs);
        _bytes.Refill(nowNs);
        int admitted = 0;
        if (burst.Unfinished == Offloads.None && _bytes.IsUnlimited)
        {
            admitted = _frames.TakeWhole(frames.Length);
            _lock.Exit();
            return admitted;
        }

        while (admitted < frames.Length && _frames.Has(1) && _bytes.Has(LeastBytes))
        {
            int frame = frames[admitted++];
            _frames.Take(CountOf(burst, frame));
            _bytes.Take(burst[frame].TotalLength);
        }

        _lock.Exit();
        return admitted;
    }

    /// <summary>Lets one frame through if the limit allows.</summary>
    public bool TryTake(uint bytes, long nowNs)
    {
        _lock.Enter();
        _frames.Refill(nowNs);
        _bytes.Refill(nowNs);
        bool has = _frames.Has(1) && _bytes.Has(LeastBytes);
        if (has)
        {
            _frames.Take(1);
            _bytes.Take(bytes);
        }

        _lock.Exit();
        return has;
    }

    /// <summary>Takes back the tokens of frames that were admitted and then not taken by their receiver.</summary>
    public void GiveBack(FrameBurst burst, ReadOnlySpan<ushort> frames)
    {
        ArgumentNullException.ThrowIfNull(burst);
        _lock.Enter();
        foreach (ushort frame in frames)
        {
            _frames.GiveBack(CountOf(burst, frame));
            _bytes.GiveBack(burst[frame].TotalLength);
        }

        _lock.Exit();
    }

    /// <summary>
    /// Nanoseconds after which a sender that was held back does well to come again: when the next frame may pass, and not before a group of them may if the
    /// rate is high, so that waking costs little beside the frames.
    /// </summary>
    public long WaitNs(long nowNs)
    {
        _lock.Enter();
        _frames.Refill(nowNs);
        _bytes.Refill(nowNs);
        long wait = Math.Max(_frames.WaitNs(1), _bytes.WaitNs(LeastBytes));
        long group = Math.Min(GroupNs, Math.Min(_frames.HalfFullNs, _bytes.HalfFullNs));
        _lock.Exit();
        return Math.Max(wait, group);
    }

    /// <summary>A frame to be segmented counts as the frames that it becomes, headers left out of account.</summary>
    private static double CountOf(FrameBurst burst, int frame)
    {
        ref readonly VirtioNetHeader header = ref burst.Header(frame);
        return header.GsoType == VirtioNetHeader.GSO_NONE || header.GsoSize == 0
            ? 1
            : (burst[frame].TotalLength + (uint)header.GsoSize - 1) / header.GsoSize;
    }
}
