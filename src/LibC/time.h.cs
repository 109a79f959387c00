using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Seconds and nanoseconds.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct timespec
{
    /// <summary>Seconds.</summary>
    public nint tv_sec;

    /// <summary>Nanoseconds, below one thousand million.</summary>
    public nint tv_nsec;

    /// <summary>Makes one of nanoseconds.</summary>
    public static timespec FromNanoseconds(long ns) => new() { tv_sec = (nint)(ns / 1_000_000_000), tv_nsec = (nint)(ns % 1_000_000_000) };

    /// <summary>The same in nanoseconds.</summary>
    public readonly long TotalNanoseconds => ((long)tv_sec * 1_000_000_000) + tv_nsec;
}

/// <content>time.h</content>
public static unsafe partial class LibC
{
    /// <summary>Wall clock.</summary>
    public const int CLOCK_REALTIME = 0;

    /// <summary>Since some point in the past, without jumps.</summary>
    public const int CLOCK_MONOTONIC = 1;

    /// <summary>CPU time of the process.</summary>
    public const int CLOCK_PROCESS_CPUTIME_ID = 2;

    /// <summary>CPU time of the thread.</summary>
    public const int CLOCK_THREAD_CPUTIME_ID = 3;

    /// <summary>Not adjusted by NTP.</summary>
    public const int CLOCK_MONOTONIC_RAW = 4;

    /// <summary>Quick and coarse.</summary>
    public const int CLOCK_MONOTONIC_COARSE = 6;

    /// <summary>With the time in suspend.</summary>
    public const int CLOCK_BOOTTIME = 7;

    /// <summary>The value is an absolute time.</summary>
    public const int TIMER_ABSTIME = 1;

    /// <summary>Reads a clock. It never blocks (the kernel's vDSO answers).</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int clock_gettime(int clockid, timespec* tp);

    /// <summary>Reads a clock in nanoseconds.</summary>
    public static long clock_gettime_ns(int clockid)
    {
        timespec ts;
        _ = clock_gettime(clockid, &ts);
        return ts.TotalNanoseconds;
    }
}
