using VhostNet.Aio.Timers;

namespace VhostNet.Aio;

/// <content>Timers: one list for each clock that was used.</content>
public sealed partial class AioContext
{
    private readonly Lock _timerLock = new();
    private AioTimerList[] _timerLists = [];

    // Lists with a pending timer.
    private int _armedLists;

    /// <summary>Makes a timer; <see cref="AioTimer.Modify"/> arms it.</summary>
    /// <param name="clock">Its clock.</param>
    /// <param name="callback">Runs on the home thread.</param>
    public AioTimer CreateTimer(AioClock clock, Action callback)
    {
        ArgumentNullException.ThrowIfNull(clock);
        ArgumentNullException.ThrowIfNull(callback);
        ObjectDisposedException.ThrowIf(_disposed, this);
        lock (_timerLock)
        {
            AioTimerList? list = Array.Find(_timerLists, l => l.Clock == clock);
            if (list is null)
            {
                list = new AioTimerList(this, clock, Failpoints is { TimersInitiallyBusy: true });
                Volatile.Write(ref _timerLists, [.. _timerLists, list]);
            }

            return list.Create(callback);
        }
    }

    private long TimerTimeout()
    {
        long timeout = -1;
        foreach (AioTimerList list in Volatile.Read(ref _timerLists))
        {
            timeout = Earlier(timeout, list.TimeoutNs());
        }

        return timeout;
    }

    private bool RunTimers()
    {
        bool progress = false;
        foreach (AioTimerList list in Volatile.Read(ref _timerLists))
        {
            progress |= list.Run();
        }

        return progress;
    }

    private void DisposeTimers()
    {
        lock (_timerLock)
        {
            foreach (AioTimerList list in _timerLists)
            {
                list.Dispose();
            }

            Volatile.Write(ref _timerLists, []);
        }
    }
}
