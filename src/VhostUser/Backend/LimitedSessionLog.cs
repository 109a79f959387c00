using VhostNet.Aio;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Passes lines on as long as they are not too many: a front end chooses how many messages it sends, and each may be worth a line. A session's errors always
/// pass, since an error ends what could repeat it; but a front end may connect again and again, so an endpoint has such a log as well, which limits them too.
/// Control thread.
/// </summary>
internal sealed class LimitedSessionLog(ISessionLog log, AioClock clock, bool limitsErrors = false) : ISessionLog
{
    /// <summary>Lines that pass at once.</summary>
    public const int Burst = 200;

    private const long LineNs = 100_000_000;

    private long _creditNs = Burst * LineNs;
    private long _lastNs = clock.NowNs;
    private long _leftOut;

    /// <inheritdoc/>
    public bool IsEnabled(SessionLogLevel level) => log.IsEnabled(level);

    /// <inheritdoc/>
    public void Write(SessionLogLevel level, string connection, string message)
    {
        if (level == SessionLogLevel.Debug || (level == SessionLogLevel.Error && !limitsErrors))
        {
            log.Write(level, connection, message);
            return;
        }

        long now = clock.NowNs;
        _creditNs = Math.Min(_creditNs + (now - _lastNs), Burst * LineNs);
        _lastNs = now;
        if (_creditNs < LineNs)
        {
            _leftOut++;
            return;
        }

        _creditNs -= LineNs;
        if (_leftOut != 0)
        {
            log.Write(SessionLogLevel.Warning, connection, $"{_leftOut} lines were left out: the front end causes more than {1_000_000_000 / LineNs} a second");
            _leftOut = 0;
        }

        log.Write(level, connection, message);
    }
}
