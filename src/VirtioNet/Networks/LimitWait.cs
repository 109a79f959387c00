using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// The wait of one queue's sender for a limit that held it back. One timer serves the queue, made when it first has to wait. The queue's data thread.
/// </summary>
internal sealed class LimitWait : IDisposable
{
    private AioTimer? _timer;
    private AioClock? _timerClock;
    private BottomHalf? _waiter;

    /// <summary>Has the sender scheduled when the limit has room for its next frames.</summary>
    /// <param name="limiter">The limit.</param>
    /// <param name="nowNs">Time of the limit's clock.</param>
    /// <param name="waiter">The sender.</param>
    /// <param name="present">Where the port keeps its limit: if that is another one by now, the sender comes again at once.</param>
    /// <returns>False when the sender can't wait.</returns>
    public bool TryBegin(RateLimiter limiter, long nowNs, BottomHalf? waiter, ref RateLimiter? present)
    {
        if (waiter is null || AioContext.Current is not { } context)
        {
            return false;
        }

        if (_timer is null || _timerClock != limiter.Clock)
        {
            _timer?.Delete();
            _timerClock = limiter.Clock;
            _timer = context.CreateTimer(limiter.Clock, () => _waiter?.Schedule());
        }

        Volatile.Write(ref _waiter, waiter);
        _timer.Modify(nowNs + limiter.WaitNs(nowNs));

        // Pairs with the barrier in Port.SetLimits.
        Interlocked.MemoryBarrier();
        if (!ReferenceEquals(Volatile.Read(ref present), limiter))
        {
            waiter.Schedule();
        }

        return true;
    }

    /// <summary>Schedules the sender before its time: the limit has changed. Any thread.</summary>
    public void Wake() => Volatile.Read(ref _waiter)?.Schedule();

    /// <inheritdoc/>
    public void Dispose() => _timer?.Delete();
}
