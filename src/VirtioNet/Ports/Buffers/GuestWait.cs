using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// How long a source waits for a guest that is gone (<see cref="Port.HoldTime"/>): until the time is over the source is not read, so that a guest that comes
/// back finds what was sent meanwhile; after it, what comes is old and nobody's. Home thread of the context only.
/// </summary>
/// <param name="port">The port that the source belongs to.</param>
/// <param name="context">Where the timer runs.</param>
/// <param name="over">Called when the time is over.</param>
internal sealed class GuestWait(Port port, AioContext context, Action over)
{
    private AioTimer? _timer;
    private bool _waits;

    /// <summary>True when nobody came in time: what the source has is to be thrown away, until <see cref="End"/>.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Nobody is there; the time runs from the first such call on.</summary>
    public void Begin()
    {
        if (_waits)
        {
            return;
        }

        _waits = true;
        long holdNs = (long)(port.HoldTime.TotalMilliseconds * 1_000_000);
        IsOver = holdNs == 0;
        if (!IsOver)
        {
            _timer ??= context.CreateTimer(port.HoldClock, OnTimer);
            _timer.Modify(port.HoldClock.NowNs + holdNs);
        }
    }

    /// <summary>Somebody is there, or the source ends.</summary>
    public void End()
    {
        if (_waits)
        {
            _waits = false;
            IsOver = false;
            _timer?.Delete();
        }
    }

    private void OnTimer()
    {
        if (_waits)
        {
            IsOver = true;
            over();
        }
    }
}
