namespace VhostNet.Aio;

/// <content>Gaps: the times for which a thread that polls did not come round to look at what it polls.</content>
public sealed partial class AioContext
{
    /// <summary>From here on a gap is counted: a ring of 1024 descriptors is full after less than that at line rate.</summary>
    private const long GapMinNs = 1_000_000;

    /// <summary>Rounds that take longer than this together are not left without a look at the clock, so that much work is not taken for a gap.</summary>
    private const long RoundsMaxNs = 200_000;

    /// <summary>The thread is looking now, and did nothing since its last look that is meant to take long.</summary>
    private void NoteLook(long now)
    {
        long gap = now - _home.LookedNs;
        if (_home.LookedNs != 0)
        {
            if (gap > _home.GapMaxNs)
            {
                Volatile.Write(ref _home.GapMaxNs, gap);
            }

            if (gap > GapMinNs)
            {
                Volatile.Write(ref _home.Gaps, _home.Gaps + 1);
            }
        }

        _home.LookedNs = now;
    }

    /// <summary>
    /// An adaptive thread reads the clock before it polls. Only passes that found something at once lie between this and the last time, or else there were some
    /// that did not wait and may have been many: what those took together is no gap.
    /// </summary>
    private void NotePollingBegin(long now)
    {
        int passes = _home.FoundAtOnce + 1;
        _home.FoundAtOnce = 0;
        if (_home.Polls == _home.LookedPoll + passes)
        {
            _home.FoundAtOnceMax = (byte)RoundsBeforeClock(Math.Max(1, (int)_home.FoundAtOnceMax), now - _home.LookedNs);
            NoteLook(now);
        }
    }

    /// <summary>An adaptive thread's wait is over; what it does until it polls again may be a gap.</summary>
    private void NotePollingEnd(long now)
    {
        _home.LookedNs = now;
        _home.LookedPoll = _home.Polls;
    }

    /// <summary>How many rounds there may be before the next look at the clock, given what the last ones took.</summary>
    private static int RoundsBeforeClock(int rounds, long elapsedNs) =>
        elapsedNs > RoundsMaxNs ? Math.Max(1, rounds / 2)
        : elapsedNs < RoundsMaxNs / 4 ? Math.Min(BusyRoundsPerClock, rounds * 2)
        : rounds;
}
