using VhostNet.Aio.Timers;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>
/// A pause for somebody who does the same in vain again and again: it doubles each time, and is short again after a minute of quiet. One thread.
/// </summary>
/// <param name="clock">The clock.</param>
internal sealed class GrowingPause(AioClock clock)
{
    /// <summary>The first pause, in nanoseconds.</summary>
    public const long MinNs = 500_000_000;

    /// <summary>The longest pause, in nanoseconds.</summary>
    public const long MaxNs = 10_000_000_000;

    private const long QuietNs = 60_000_000_000;

    private long _nextNs = MinNs;
    private long _lastNs;

    /// <summary>Until when to pause this time, by the clock.</summary>
    public long Next()
    {
        long now = clock.NowNs;
        if (now - _lastNs > QuietNs)
        {
            _nextNs = MinNs;
        }

        _lastNs = now;
        long until = now + _nextNs;
        _nextNs = Math.Min(2 * _nextNs, MaxNs);
        return until;
    }

    /// <summary>It was not in vain: the next pause is short.</summary>
    public void Reset() => _nextNs = MinNs;
}
