using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Quotas;

namespace VhostNet.VhostUser.Backend.Logging;

/// <summary>
/// Passes lines on as long as they are not too many: a front end chooses how many messages it sends, and each may be worth a line. A session's errors always
/// pass, since an error ends what could repeat it; but a front end may connect again and again, so an endpoint has such a log as well, which limits them too.
/// Control thread.
/// </summary>
/// <param name="log">Where lines go.</param>
/// <param name="clock">The clock.</param>
/// <param name="limitsErrors">Whether errors count as well.</param>
/// <param name="burst">Lines that pass at once.</param>
/// <param name="counters">Counts what is left out.</param>
internal sealed class LimitedSessionLog(
    ISessionLog log, AioClock clock, bool limitsErrors = false, int burst = LimitedSessionLog.Burst, QuotaCounters? counters = null) : ISessionLog
{
    /// <summary>Lines that pass at once, unless told otherwise.</summary>
    public const int Burst = SessionQuotas.LogLinesDefault;

    private const long LineNs = 100_000_000;

    private readonly RateLimit _limit = new(clock, burst, LineNs);
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

        if (!_limit.TryTake())
        {
            _leftOut++;
            if (counters is not null)
            {
                counters.LogLinesLeftOut++;
            }

            return;
        }

        if (_leftOut != 0)
        {
            log.Write(
                SessionLogLevel.Warning, connection,
                $"{_leftOut} lines were left out: the front end causes more than {1_000_000_000 / LineNs} a second after {burst} at once (quotas.logLines)");
            _leftOut = 0;
        }

        log.Write(level, connection, message);
    }
}
