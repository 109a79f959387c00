using VhostNet.Aio.Timers;

namespace VhostNet.VhostUser.Backend.Quotas;

/// <summary>Lets a number of things happen at once and after that one in every so many nanoseconds. One thread.</summary>
/// <param name="clock">The clock.</param>
/// <param name="burst">How many at once.</param>
/// <param name="intervalNs">After how long one more is allowed.</param>
internal sealed class RateLimit(AioClock clock, int burst, long intervalNs)
{
    private long _creditNs = burst * intervalNs;
    private long _lastNs = clock.NowNs;

    /// <summary>When the next one is allowed, by the clock.</summary>
    public long NextNs => _lastNs + Math.Max(0, intervalNs - _creditNs);

    /// <summary>Takes one, if it is allowed now.</summary>
    public bool TryTake()
    {
        long now = clock.NowNs;
        _creditNs = Math.Min(_creditNs + (now - _lastNs), burst * intervalNs);
        _lastNs = now;
        if (_creditNs < intervalNs)
        {
            return false;
        }

        _creditNs -= intervalNs;
        return true;
    }
}
