namespace VhostNet.VirtioNet.RateLimits;

/// <summary>
/// Tokens that come in at a steady rate up to a depth. What is taken may exceed what is there, as long as something is: the debt is worked off before the next
/// one, so a frame larger than the depth still passes and the mean rate is exact. Not thread-safe.
/// </summary>
internal struct TokenBucket
{
    private readonly double _perNanosecond;
    private readonly double _depth;
    private double _tokens;
    private long _lastNs;

    /// <summary>A full bucket; one with a rate of 0 never runs out.</summary>
    public TokenBucket(double perSecond, double depth, long nowNs)
    {
        _perNanosecond = perSecond / 1e9;
        _depth = depth;
        _tokens = depth;
        _lastNs = nowNs;
    }

    /// <summary>True when nothing is limited.</summary>
    public readonly bool IsUnlimited => _perNanosecond <= 0;

    /// <summary>Nanoseconds in which half of the depth comes in.</summary>
    public readonly long HalfFullNs => IsUnlimited ? long.MaxValue : (long)(_depth / 2 / _perNanosecond);

    /// <summary>Puts in what came since the last time. A clock that stands still or goes back brings nothing.</summary>
    public void Refill(long nowNs)
    {
        long elapsed = nowNs - _lastNs;
        if (elapsed > 0)
        {
            _lastNs = nowNs;
            _tokens = Math.Min(_depth, _tokens + (elapsed * _perNanosecond));
        }
    }

    /// <summary>True when something may be taken; <paramref name="least"/> is 1 for whole frames, a fraction of a token for bytes.</summary>
    public readonly bool Has(double least) => _tokens >= least || IsUnlimited;

    /// <summary>Takes tokens.</summary>
    public void Take(double count) => _tokens -= count;

    /// <summary>Takes as many whole tokens as are there, up to <paramref name="wanted"/>.</summary>
    public int TakeWhole(int wanted)
    {
        int count = IsUnlimited ? wanted : (int)Math.Clamp(_tokens, 0, wanted);
        _tokens -= count;
        return count;
    }

    /// <summary>Puts back what was taken and not used.</summary>
    public void GiveBack(double count) => _tokens = Math.Min(_depth, _tokens + count);

    /// <summary>Nanoseconds until <paramref name="least"/> tokens are there, as of the last refill.</summary>
    public readonly long WaitNs(double least) => Has(least) ? 0 : (long)Math.Ceiling((Math.Min(least, _depth) - _tokens) / _perNanosecond);
}
