namespace VhostNet.Aio;

/// <content>Gaps: the times for which a thread that polls did not come round to look at what it polls.</content>
public sealed partial class AioContext
{
    /// <summary>From here on a gap is counted: a ring of 1024 descriptors is full after less than that at line rate.</summary>
    private const long GapMinNs = 1_000_000;

    /// <summary>Rounds that take longer than this together are not left without a look at the clock, so that much work is not taken for a gap.</summary>
    private const long BusyRoundsMaxNs = 200_000;

    private long _gaps;
    private long _gapMaxNs;

    // When the thread looked last, and in which pass.
    private long _lookedNs;
    private long _lookedPoll;

    /// <summary>The thread is looking now, and did nothing since its last look that is meant to take long.</summary>
    private void NoteLook(long now)
    {
        long gap = now - _lookedNs;
        if (gap > _gapMaxNs && _lookedNs != 0)
        {
            Volatile.Write(ref _gapMaxNs, gap);
        }

        if (gap > GapMinNs && _lookedNs != 0)
        {
            Volatile.Write(ref _gaps, _gaps + 1);
        }

        _lookedNs = now;
    }

    /// <summary>An adaptive thread polls again. Passes in between that did not wait read no clock, and what they took together is no gap.</summary>
    private void NotePollingBegin(long now)
    {
        if (_home.Polls == _lookedPoll + 1)
        {
            NoteLook(now);
        }
    }

    /// <summary>An adaptive thread's wait is over; what it does until it polls again may be a gap.</summary>
    private void NotePollingEnd(long now)
    {
        _lookedNs = now;
        _lookedPoll = _home.Polls;
    }

    /// <summary>How many busy rounds there may be before the next look at the clock, given what the last ones took.</summary>
    private static int RoundsBeforeClock(int rounds, long elapsedNs) =>
        elapsedNs > BusyRoundsMaxNs ? Math.Max(1, rounds / 2)
        : elapsedNs < BusyRoundsMaxNs / 4 ? Math.Min(BusyRoundsPerClock, rounds * 2)
        : rounds;
}
