using System.Runtime.CompilerServices;

namespace VhostNet.Aio;

/// <content>How long callbacks take. A clock in each pass would cost a loaded thread a few percent, so only some are timed, and each of those stands for
/// more.</content>
public sealed partial class AioContext
{
    /// <summary>Of the passes of a thread that does not sleep, one of so many is timed.</summary>
    private const int TimedPasses = 16;

    /// <summary>
    /// For how many passes of the loop the present one stands in <see cref="AioStatistics.BusyNs"/>, or 0 when its time is not taken: whoever wants to know
    /// what part of the thread a callback of his takes reads the clock only then, and counts what it took that many times. Home thread, in a callback.
    /// </summary>
    public int TimedWeight => _home.TimedWeight;

    // A pass that slept is timed always: there are few, and the clock is nothing beside the sleep.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsTimed(long sleeps) =>
        (sleeps != _home.Sleeps || (_home.Polls & (TimedPasses - 1)) == 0) && (HasBottomHalves || _readyHead is not null) && _home.TimedWeight == 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool DispatchTimed(long sleeps)
    {
        _home.TimedWeight = sleeps != _home.Sleeps ? 1 : TimedPasses;
        long start = clock_gettime_ns(CLOCK_MONOTONIC);
        try
        {
            return DispatchAll();
        }
        finally
        {
            Volatile.Write(ref _home.BusyNs, _home.BusyNs + ((clock_gettime_ns(CLOCK_MONOTONIC) - start) * _home.TimedWeight));
            _home.TimedWeight = 0;
        }
    }
}
