namespace VhostNet.Aio;

/// <summary>
/// Judges the health of one loop from outside: tells one that hangs in a callback from one that is asleep with nothing to do, without asking the loop, so that
/// it also works when the loop answers no more. For one thread at a time, usually a watchdog's.
/// </summary>
/// <remarks>A loop that nobody polls stands as well: make a watch when the loop runs, and drop it before the loop is stopped.</remarks>
/// <param name="context">The loop.</param>
public sealed class AioLoopWatch(AioContext context)
{
    private AioProgress _last;
    private long _sinceNs = -1;

    /// <summary>The loop.</summary>
    public AioContext Context { get; } = context ?? throw new ArgumentNullException(nameof(context));

    /// <summary>What the last look saw: the activity and the owner that it stands in.</summary>
    public AioProgress Last => _last;

    /// <summary>Looks.</summary>
    /// <param name="nowNs">Time of any clock that does not jump, in nanoseconds; the same one at each look.</param>
    /// <returns>
    /// For how many nanoseconds the loop has stood still in something that is not sleep, counted from the first look that saw it there; 0 if it moved since the
    /// last look, or sleeps. A callback that began just after a look is found by the second look from then on.
    /// </returns>
    public long Look(long nowNs)
    {
        AioProgress now = Context.Progress;
        bool stands = _sinceNs >= 0 && now == _last && now.Activity != AioActivity.Asleep;
        _last = now;
        if (!stands)
        {
            _sinceNs = nowNs;
        }

        return nowNs - _sinceNs;
    }
}
