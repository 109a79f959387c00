using VhostNet.Aio;

namespace VhostNet.Daemon.Systemd;

/// <summary>Watches a loop by a bottom half that it is asked to run.</summary>
internal sealed class AnswerWatch : ILoopWatch
{
    // Each question wakes the loop: rarely enough that an idle daemon stays idle.
    private const long AskNs = 1_000_000_000;

    private readonly AioContext _context;
    private readonly BottomHalf _answer;
    private volatile bool _answered = true;
    private long _askedNs;

    /// <summary>Begins to watch.</summary>
    public AnswerWatch(AioContext context)
    {
        _context = context;
        _answer = context.CreateBottomHalf(() => _answered = true, "watchdog");
        _askedNs = -AskNs;
    }

    /// <inheritdoc/>
    public string? Place => null;

    /// <inheritdoc/>
    public long Passes => _context.GetStatistics().Polls;

    /// <inheritdoc/>
    public long Look(long nowNs)
    {
        if (!_answered)
        {
            return nowNs - _askedNs;
        }

        if (nowNs - _askedNs >= AskNs)
        {
            _answered = false;
            _askedNs = nowNs;
            _answer.Schedule();
        }

        return 0;
    }

    /// <inheritdoc/>
    public void End() => _answer.Delete();
}
