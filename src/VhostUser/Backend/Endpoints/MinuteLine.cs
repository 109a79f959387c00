using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Logging;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>
/// A log line about something that may happen many times a second: it is written the first time and then once a minute at most, with how often it was not. One
/// thread.
/// </summary>
/// <param name="clock">The clock.</param>
internal sealed class MinuteLine(AioClock clock)
{
    private const long MinuteNs = 60_000_000_000;

    private long? _lastNs;
    private long _leftOut;

    /// <summary>Writes the line, if it is its time.</summary>
    /// <param name="log">Where to.</param>
    /// <param name="text">What happened and what helps.</param>
    public void Write(SessionLogWriter log, string text)
    {
        long now = clock.NowNs;
        if (now - _lastNs < MinuteNs)
        {
            _leftOut++;
            return;
        }

        log.Warning(_leftOut == 0 ? text : $"{text} ({_leftOut} times more since this was said last)");
        _lastNs = now;
        _leftOut = 0;
    }
}
