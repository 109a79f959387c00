using Microsoft.Extensions.Logging;
using VhostNet.Aio.Timers;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Watches all loops, the control thread's too, from a thread of its own that waits for none of them. While all move, and only then, the service manager hears
/// that we are alive. Any thread.
/// </summary>
/// <remarks>
/// The thread sleeps for as long as it may: until the manager wants to hear something (half of its interval, or five seconds). While front ends are connected
/// it looks twice a second, and while frames flow twenty times, because a front end may hold a data thread up until it is found out; see
/// <see cref="FreeWriters"/>. It looks twice a second, too, while a loop seems to stand still. A look takes some microseconds and makes no garbage.
/// </remarks>
internal sealed class Watchdog : IDisposable
{
    /// <summary>
    /// How long a loop stands still before it counts as stuck: no turn is longer than a few milliseconds, but a machine may be short of processors.
    /// </summary>
    public const long StuckNs = 2_000_000_000;

    /// <summary>Between two looks while frames flow.</summary>
    public const long BusyPeriodNs = 50_000_000;

    /// <summary>Between two looks while front ends are connected and nothing flows.</summary>
    public const long ConnectedPeriodNs = 500_000_000;

    private static readonly TimeSpan s_defaultPeriod = TimeSpan.FromSeconds(5);

    private readonly ServiceNotifier _notifier;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly long _idlePeriodNs;
    private readonly Lock _lock = new();
    private readonly List<Watched> _watched = [];
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Thread _thread;
    private StuckThread[] _stuck = [];
    private long? _aliveNs;
    private volatile bool _end;
    private bool _moved;
    private bool _suspects;

    /// <summary>Makes a watchdog; <see cref="Start"/> has its thread look.</summary>
    public Watchdog(ServiceNotifier notifier, TimeProvider time, ILogger<Watchdog> logger)
    {
        _notifier = notifier;
        _time = time;
        _logger = logger;
        _idlePeriodNs = (long)((notifier.WatchdogInterval / 2) ?? s_defaultPeriod).TotalNanoseconds;
        _thread = new Thread(Main) { Name = "watchdog", IsBackground = true };
    }

    /// <summary>Whether front ends are connected. Called on the watchdog's thread; never waits.</summary>
    public Func<bool> HasFrontEnds { get; init; } = static () => false;

    /// <summary>
    /// Finds threads that hang in writing to something that a front end made block, and frees them. Called on the watchdog's thread; never waits.
    /// </summary>
    public Action FreeWriters { get; init; } = static () => { };

    /// <summary>The threads that stood still at the last look.</summary>
    public IReadOnlyList<StuckThread> Stuck => Volatile.Read(ref _stuck);

    /// <summary>For how long a thread has stood still, in nanoseconds; 0 unless it counts as stuck.</summary>
    public long StuckForNs(string name)
    {
        foreach (StuckThread thread in Stuck)
        {
            if (thread.Name == name)
            {
                return thread.ForNs;
            }
        }

        return 0;
    }

    /// <summary>How long the thread sleeps if nothing changes, in nanoseconds.</summary>
    public long PeriodNs => _moved ? BusyPeriodNs : _suspects || HasFrontEnds() ? Math.Min(ConnectedPeriodNs, _idlePeriodNs) : _idlePeriodNs;

    /// <summary>Begins to watch a thread, which runs.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="loop">How it is watched.</param>
    /// <param name="carriesFrames">True for a thread that moves frames, false for the control thread.</param>
    public void Add(string name, ILoopWatch loop, bool carriesFrames)
    {
        lock (_lock)
        {
            _watched.Add(new Watched(name, loop, carriesFrames));
        }
    }

    /// <summary>Stops watching a thread, which still runs.</summary>
    public void Remove(string name)
    {
        lock (_lock)
        {
            foreach (Watched watched in _watched.Where(w => w.Name == name))
            {
                watched.Loop.End();
            }

            _watched.RemoveAll(w => w.Name == name);
        }
    }

    /// <summary>Starts looking.</summary>
    public void Start() => _thread.Start();

    /// <summary>Has the thread look now: something has changed that it did not expect when it went to sleep.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Looks once, as the thread does.</summary>
    /// <param name="nowNs">The monotonic time in nanoseconds.</param>
    public void Look(long nowNs)
    {
        FreeWriters();
        List<StuckThread>? stuck = null;
        bool moved = false;
        bool suspects = false;
        lock (_lock)
        {
            foreach (Watched watched in _watched)
            {
                long stillNs = watched.Loop.Look(nowNs);
                moved |= watched.HasMoved();
                suspects |= stillNs > 0;
                if (stillNs >= StuckNs)
                {
                    DateTimeOffset since = _time.GetUtcNow() - TimeSpan.FromMicroseconds(stillNs / 1000);
                    (stuck ??= []).Add(new StuckThread(watched.Name, stillNs, since, watched.Loop.Place));
                }
            }

            _moved = moved && HasFrontEnds();
            _suspects = suspects;
        }

        Report(stuck is null ? [] : [.. stuck]);
        if (stuck is null && !(nowNs - _aliveNs < _idlePeriodNs - BusyPeriodNs))
        {
            _aliveNs = nowNs;
            _notifier.Watchdog();
        }
    }

    /// <summary>Ends the thread; what it watched still runs.</summary>
    public void Dispose()
    {
        _end = true;
        _wake.Set();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        lock (_lock)
        {
            _watched.ForEach(w => w.Loop.End());
            _watched.Clear();
        }
    }

    private void Main()
    {
        while (!_end)
        {
            Look(AioClock.Monotonic.NowNs);
            _wake.WaitOne(TimeSpan.FromMicroseconds(PeriodNs / 1000));
        }
    }

    private void Report(StuckThread[] stuck)
    {
        StuckThread[] before = _stuck;
        if (stuck.Length > 0 || before.Length > 0)
        {
            Volatile.Write(ref _stuck, stuck);
            Log(before, stuck);
        }
    }

    private void Log(StuckThread[] before, StuckThread[] stuck)
    {
        foreach (StuckThread thread in stuck.Where(s => before.All(b => b.Name != s.Name)))
        {
            _logger.ThreadStuck(thread);
        }

        if (stuck.Length == 0)
        {
            _logger.AllMove();
        }
    }

    private sealed class Watched(string name, ILoopWatch loop, bool carriesFrames)
    {
        private long _passes;

        public string Name => name;

        public ILoopWatch Loop => loop;

        public bool HasMoved()
        {
            long passes = loop.Passes;
            bool moved = carriesFrames && passes != _passes;
            _passes = passes;
            return moved;
        }
    }
}
