using System.Diagnostics;
using VhostNet.Aio;

namespace VhostNet.VirtioNet.Queues;

/// <summary>What a queue's turn takes of its thread, in a pass of the loop whose time is taken; nothing in others. On the thread of the context.</summary>
/// <param name="context">The thread's loop.</param>
internal readonly struct TurnTime(AioContext context)
{
    // The clock's ticks are nanoseconds (CLOCK_MONOTONIC).
    private readonly long _start = context.TimedWeight == 0 ? 0 : Stopwatch.GetTimestamp();
    private readonly int _weight = context.TimedWeight;

    /// <summary>Nanoseconds since the beginning, times the passes that this one stands for.</summary>
    public long Elapsed => _weight == 0 ? 0 : (Stopwatch.GetTimestamp() - _start) * _weight;
}
