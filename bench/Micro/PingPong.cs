using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;

namespace VhostNet.Micro;

/// <summary>How the two threads wake each other.</summary>
internal enum WakeBy
{
    BottomHalf,
    Eventfd,

    /// <summary>An eventfd whose handler also has a poll callback, which looks at a flag in memory.</summary>
    PolledEventfd,
}

/// <summary>Two loops on two threads that wake each other in turn.</summary>
internal sealed class PingPong(WakeBy wakeBy, FdMonitorKind monitor, long pollMaxNs, int cpuA, int cpuB)
{
    public readonly record struct Result(double RoundTripNs, long RoundTrips, long NotifierWrites)
    {
        /// <summary>Schedules (two for each round trip) that needed no system call, in per cent.</summary>
        public double AvoidedPercent => 100.0 * (1 - ((double)NotifierWrites / (2 * RoundTrips)));
    }

    /// <summary>Plays for a while.</summary>
    public Result Run(double milliseconds)
    {
        using var a = new Side(wakeBy, monitor, pollMaxNs, cpuA);
        using var b = new Side(wakeBy, monitor, pollMaxNs, cpuB);
        long length = (long)(milliseconds * Stopwatch.Frequency / 1000);
        long warm = 0;
        long begin = 0;
        long end = 0;
        long rounds = 0;
        b.Received = a.Wake;
        a.Received = () =>
        {
            long now = Stopwatch.GetTimestamp();
            if (begin == 0)
            {
                // The first tenth is for the compiler, the caches and the polling time.
                warm = warm == 0 ? now : warm;
                if (now - warm >= length / 10)
                {
                    begin = now;
                    a.MarkWrites();
                    b.MarkWrites();
                }
            }
            else
            {
                rounds++;
                if (now - begin >= length)
                {
                    end = now;
                    a.Stop();
                    b.Stop();
                    return;
                }
            }

            b.Wake();
        };
        a.Start();
        b.Start();
        b.Wake();
        a.Join();
        b.Join();
        return new Result(Meter.Nanoseconds(end - begin) / rounds, rounds, a.Writes + b.Writes);
    }

    /// <summary>The same with two threads that block in read(2): what the kernel and the processors take.</summary>
    public static double RawEventfd(double milliseconds, int cpuA, int cpuB)
    {
        using var a = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        using var b = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        bool stop = false;
        var echo = new Thread(() =>
        {
            Cpu.Pin(cpuB);
            while (!Volatile.Read(ref stop) && read(b.Value, out ulong _) > 0)
            {
                _ = write(a.Value, 1UL);
            }
        });
        double ns = 0;
        var caller = new Thread(() =>
        {
            Cpu.Pin(cpuA);
            long length = (long)(milliseconds * Stopwatch.Frequency / 1000);
            long start = Stopwatch.GetTimestamp();
            long rounds = 0;
            long now;
            do
            {
                _ = write(b.Value, 1UL);
                _ = read(a.Value, out ulong _);
                rounds++;
                now = Stopwatch.GetTimestamp();
            }
            while (now - start < length);
            ns = Meter.Nanoseconds(now - start) / rounds;
            Volatile.Write(ref stop, true);
            _ = write(b.Value, 1UL);
        });
        echo.Start();
        caller.Start();
        caller.Join();
        echo.Join();
        return ns;
    }

    /// <summary>Two threads that each wait for the other's store to a cache line: what the processors take, if none of them ever sleeps.</summary>
    public static double RawMemory(double milliseconds, int cpuA, int cpuB)
    {
        // Each flag on cache lines of its own.
        long[] flags = new long[64];
        var echo = new Thread(() =>
        {
            Cpu.Pin(cpuB);
            for (long turn = 1; ; turn++)
            {
                long seen;
                while ((seen = Volatile.Read(ref flags[16])) < turn)
                {
                }

                if (seen == long.MaxValue)
                {
                    return;
                }

                Volatile.Write(ref flags[48], turn);
            }
        });
        double ns = 0;
        var caller = new Thread(() =>
        {
            Cpu.Pin(cpuA);
            long length = (long)(milliseconds * Stopwatch.Frequency / 1000);
            long start = Stopwatch.GetTimestamp();
            long turn = 0;
            long now;
            do
            {
                Volatile.Write(ref flags[16], ++turn);
                while (Volatile.Read(ref flags[48]) < turn)
                {
                }

                now = Stopwatch.GetTimestamp();
            }
            while (now - start < length);
            ns = Meter.Nanoseconds(now - start) / turn;
            Volatile.Write(ref flags[16], long.MaxValue);
        });
        echo.Start();
        caller.Start();
        caller.Join();
        echo.Join();
        return ns;
    }

    /// <summary>One of the two threads.</summary>
    private sealed class Side : IDisposable
    {
        private readonly AioContext _context;
        private readonly BottomHalf _bottomHalf;
        private readonly EventNotifier _notifier = new();
        private readonly Thread _thread;
        private readonly WakeBy _wakeBy;
        private int _flag;
        private long _writesBefore;
        private bool _stop;

        public Side(WakeBy wakeBy, FdMonitorKind monitor, long pollMaxNs, int cpu)
        {
            _wakeBy = wakeBy;
            _context = new AioContext(new AioContextOptions { FdMonitor = monitor });
            _bottomHalf = _context.CreateBottomHalf(() => Received(), "ping-pong");
            _context.SetPollParameters(pollMaxNs, 0, 0);
            if (wakeBy == WakeBy.Eventfd)
            {
                _context.SetEventNotifier(_notifier, OnNotifier);
            }
            else if (wakeBy == WakeBy.PolledEventfd)
            {
                _context.SetEventNotifier(_notifier, OnNotifier, () => Volatile.Read(ref _flag) != 0, TakeFlag);
            }

            _thread = new Thread(() => Loop(cpu)) { IsBackground = true };
        }

        /// <summary>Called on the side's own thread when it was woken.</summary>
        public Action Received { get; set; } = static () => { };

        public long Writes => _context.GetStatistics().NotifierWrites - _writesBefore;

        public void MarkWrites() => _writesBefore = _context.GetStatistics().NotifierWrites;

        public void Start() => _thread.Start();

        public void Join() => _thread.Join();

        public void Stop()
        {
            Volatile.Write(ref _stop, true);
            _context.Notify();
        }

        public void Wake()
        {
            switch (_wakeBy)
            {
                case WakeBy.BottomHalf:
                    _bottomHalf.Schedule();
                    break;
                case WakeBy.Eventfd:
                    _notifier.Set();
                    break;
                default:
                    Volatile.Write(ref _flag, 1);
                    _notifier.Set();
                    break;
            }
        }

        public void Dispose()
        {
            _context.Dispose();
            _notifier.Dispose();
        }

        private void Loop(int cpu)
        {
            Cpu.Pin(cpu);
            _context.BindToCurrentThread();
            while (!Volatile.Read(ref _stop))
            {
                _context.Poll(true);
            }
        }

        private void OnNotifier()
        {
            _notifier.TestAndClear();
            if (_wakeBy == WakeBy.Eventfd)
            {
                Received();
            }
            else
            {
                TakeFlag();
            }
        }

        private void TakeFlag()
        {
            if (Interlocked.Exchange(ref _flag, 0) != 0)
            {
                Received();
            }
        }
    }
}
