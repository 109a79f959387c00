using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace VhostNet.Throughput;

/// <summary>
/// Measures the round trip of a cache line between two processors. Both sides of a virtqueue live from that, and any back end's rate moves two- to
/// threefold with it.
/// </summary>
internal sealed class CacheLineProbe(int first, int second)
{
    private const int Rounds = 15_000;
    private const int There = 32;
    private const int Back = 96;

    // Two lines, far enough from each other, from the array's header and from what lies behind it that nothing else shares them or is fetched with them.
    private readonly long[] _lines = new long[128];
    private double _nanoseconds;
    private volatile bool _ready;

    /// <summary>Nanoseconds of one round trip, mean of a few milliseconds.</summary>
    public double Measure()
    {
        Array.Clear(_lines);
        _ready = false;
        Thread echo = new(Echo) { IsBackground = true, Name = "cache line echo" };
        Thread ask = new(Ask) { IsBackground = true, Name = "cache line" };
        echo.Start();
        ask.Start();
        ask.Join();
        echo.Join();
        return _nanoseconds;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Echo()
    {
        _ = sched_setaffinity(second);
        long[] lines = _lines;
        _ready = true;
        for (long i = 1; i <= Rounds; i++)
        {
            while (Volatile.Read(ref lines[There]) != i)
            {
            }

            Volatile.Write(ref lines[Back], i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Ask()
    {
        _ = sched_setaffinity(first);
        long[] lines = _lines;
        while (!_ready)
        {
            _ = sched_yield();
        }

        long start = Stopwatch.GetTimestamp();
        for (long i = 1; i <= Rounds; i++)
        {
            Volatile.Write(ref lines[There], i);
            while (Volatile.Read(ref lines[Back]) != i)
            {
            }
        }

        _nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds / Rounds;
    }
}
