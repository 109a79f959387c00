using Microsoft.Extensions.Logging;
using VhostNet.Aio;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// Watches the loops: a timer of the control loop has every IoThread run a bottom half, and when all have answered since the last tick, the service manager
/// hears that we are alive. A loop that is stuck, the control loop too, therefore stops the message, and the manager restarts the service.
/// All members on the control thread, except <see cref="StuckThreads"/>.
/// </summary>
internal sealed class Watchdog : IDisposable
{
    private static readonly TimeSpan s_defaultPeriod = TimeSpan.FromSeconds(5);

    private readonly ServiceNotifier _notifier;
    private readonly ILogger _logger;
    private readonly AioTimer _timer;
    private readonly AioClock _clock;
    private readonly long _periodNs;
    private readonly List<Watched> _threads = [];
    private volatile string _stuck = string.Empty;

    /// <summary>Makes a watchdog that ticks twice in the manager's interval, or every five seconds when nobody watches.</summary>
    public Watchdog(AioContext control, AioClock clock, ServiceNotifier notifier, ILogger<Watchdog> logger)
    {
        _notifier = notifier;
        _logger = logger;
        _clock = clock;
        _periodNs = (long)((notifier.WatchdogInterval / 2) ?? s_defaultPeriod).TotalNanoseconds;
        _timer = control.CreateTimer(clock, Tick);
    }

    /// <summary>Names of the threads that did not answer at the last tick, or empty. Any thread.</summary>
    public string StuckThreads => _stuck;

    /// <summary>Begins to watch a thread.</summary>
    public void Add(IoThread thread)
    {
        Watched watched = new(thread);
        _threads.Add(watched);
        watched.Ask();
    }

    /// <summary>Stops watching a thread.</summary>
    public void Remove(IoThread thread) => _threads.RemoveAll(w => w.Thread == thread && w.Forget());

    /// <summary>Starts ticking.</summary>
    public void Start()
    {
        foreach (Watched watched in _threads)
        {
            watched.Ask();
        }

        _notifier.Watchdog();
        _timer.Modify(_clock.NowNs + _periodNs);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Delete();
        _threads.Clear();
    }

    private void Tick()
    {
        string stuck = string.Empty;
        foreach (Watched watched in _threads)
        {
            if (!watched.HasAnswered)
            {
                stuck = stuck.Length == 0 ? watched.Thread.Name : $"{stuck}, {watched.Thread.Name}";
            }
            else
            {
                watched.Ask();
            }
        }

        if (stuck.Length == 0)
        {
            _notifier.Watchdog();
        }

        if (stuck != _stuck)
        {
            Report(stuck);
        }

        _timer.Modify(_clock.NowNs + _periodNs);
    }

    private void Report(string stuck)
    {
        _stuck = stuck;
        if (stuck.Length > 0)
        {
            _logger.LogError("Thread {Thread} has not answered for {Milliseconds} ms: it is stuck in a callback; the service manager is not told that we are alive", stuck, _periodNs / 1_000_000);
        }
        else
        {
            _logger.LogWarning("All threads answer again");
        }
    }

    private sealed class Watched
    {
        private readonly BottomHalf _answer;
        private volatile bool _answered;

        public Watched(IoThread thread)
        {
            Thread = thread;
            _answer = thread.Context.CreateBottomHalf(() => _answered = true, "watchdog");
        }

        public IoThread Thread { get; }

        public bool HasAnswered => _answered;

        public void Ask()
        {
            _answered = false;
            _answer.Schedule();
        }

        public bool Forget()
        {
            _answer.Delete();
            return true;
        }
    }
}
