using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Logs;
using VhostNet.Daemon.Metrics;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.State;

namespace VhostNet.Daemon.Hosting;

/// <summary>The daemon as a hosted service: builds the composition before any other service starts, and reports to the service manager once all have.</summary>
internal sealed class DaemonService : IHostedLifecycleService, IDisposable
{
    private const long SampleNs = 1_000_000_000;

    // SIGKILL may follow SIGTERM within seconds; a data thread that is stuck must not keep the process alive.
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromMilliseconds(700);

    // A disk that is frozen must not keep it either.
    private static readonly TimeSpan s_flushTimeout = TimeSpan.FromMilliseconds(300);

    private readonly DaemonOptions _options;
    private readonly Predecessor? _predecessor;
    private readonly ServiceNotifier _notifier;
    private readonly SocketActivation _activation;
    private readonly LogSinks _log;
    private readonly IoThread _control;
    private readonly Watchdog _watchdog;
    private readonly AioTimer _sampler;
    private readonly ILogger _logger;
    private MeterBridge? _meter;
    private OtlpExport? _otlp;
    private bool _built;

    /// <summary>Makes the service; nothing runs yet.</summary>
    public DaemonService(
        DaemonOptions options, ServiceNotifier notifier, SocketActivation activation, LogSinks log, Succession succession, IHostApplicationLifetime lifetime,
        ILoggerFactory loggers)
    {
        _options = options;
        _predecessor = succession.Predecessor;
        _notifier = notifier;
        _activation = activation;
        _log = log;
        _logger = loggers.CreateLogger<DaemonService>();
        _control = new IoThread(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt });
        var writers = new NotifierWriteWatch();
        _watchdog = new Watchdog(notifier, TimeProvider.System, loggers.CreateLogger<Watchdog>())
        {
            HasFrontEnds = HasFrontEnds,
            FreeWriters = () => writers.Look(),
        };
        _sampler = _control.Context.CreateTimer(AioClock.Monotonic, Sample);
        var sessions = new SessionLog(loggers.CreateLogger("VhostNet.VhostUser"));
        var factory = new PortFactory(_control.Context, activation, sessions, options.StateDirectory ?? StateDirectory);
        Composition = new Composition(_control, factory, _watchdog, loggers.CreateLogger<Composition>())
        {
            Logs = [.. log.All.Select(s => new LogSource(s))],
        };
        Composition.LastSessionEnded += entry =>
        {
            _logger.LastConnectionEnded(entry.Options.Name);

            // It calls whoever wants to know of it, on the thread that calls it.
            ThreadPool.QueueUserWorkItem(static l => l.StopApplication(), lifetime, preferLocal: false);
        };
    }

    // A list of several directories has no meaning here.
    private static string? StateDirectory =>
        Environment.GetEnvironmentVariable("STATE_DIRECTORY") is { Length: > 0 } directory && !directory.Contains(':', StringComparison.Ordinal)
            ? directory
            : null;

    /// <summary>What runs.</summary>
    public Composition Composition { get; }

    /// <summary>The control thread.</summary>
    public IoThread Control => _control;

    /// <summary>Whether all loops answer.</summary>
    public Watchdog Watchdog => _watchdog;

    private string Summary => $"{Composition.Options.Ports.Count} ports, {Composition.Options.Networks.Count} networks";

    /// <summary>Tells the service manager what there is after a change.</summary>
    public void ReportChange() => _notifier.Status(Summary);

    /// <summary>Tells the service manager that the daemon is ready again.</summary>
    public void ReportReady() => _notifier.Ready(Summary);

    /// <summary>Has the control thread, to which sessions, ports and networks belong, run something that throws nothing. Any thread.</summary>
    public void ScheduleOnControl(Action action) => _control.Context.ScheduleOneShot(action, "control API");

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _control.Start();
        _watchdog.Add(_control.Name, new LoopWatch(_control.Context), carriesFrames: false);
        if (_predecessor is null)
        {
            _control.Run(() => Composition.Build(_options));
        }
        else
        {
            TakeOver(_predecessor);
        }

        _built = true;
        foreach (InheritedSocket socket in _activation.Remaining.Where(s => s.Name is not ("control" or "metrics")))
        {
            _logger.SocketNotWanted(socket.Name, socket.Path);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _activation.Dispose();
        _watchdog.Start();
        _control.Run(Sample);
        _notifier.Ready(Summary);
        _logger.Ready(Product.Version, _options.Ports.Count, _options.Networks.Count);

        _log.Release();

        // After READY, because nothing waits for them and they cost a part of the start-up time.
        _meter = new MeterBridge(() => Composition.Sources);
        _otlp = _options.Metrics.Otlp is { } otlp ? OtlpExport.Start(otlp) : null;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _notifier.Stopping();
        _logger.Ends();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        if (!_built)
        {
            return;
        }

        try
        {
            await Task.Run(TakeDown, CancellationToken.None).WaitAsync(s_stopTimeout, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _logger.ThreadDidNotStop(s_stopTimeout.TotalMilliseconds);
        }

        if (!OfferedFeatureStore.Flush(s_flushTimeout))
        {
            _logger.FeaturesNotSaved(s_flushTimeout.TotalMilliseconds);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _otlp?.Dispose();
        _meter?.Dispose();
    }

    private void TakeOver(Predecessor predecessor)
    {
        try
        {
            _control.Run(() => Composition.Prepare(_options, predecessor));
            predecessor.SwitchOver(
                (state, descriptors) => _control.Run(() => Composition.Restore(state, descriptors)), () => _control.Run(Composition.LetGo));
        }
        catch (Exception e)
        {
            // The other process goes on, with the very sockets and interfaces that are let go of here.
            predecessor.GiveUp(e.Message);
            _control.Run(Composition.Abandon);
            throw e is InvalidDataException or VhostUser.Memory.GuestMemoryException
                ? new RefusalException(RefusalKind.Resource, $"--take-over: {e.Message}; process {predecessor.Process} goes on", e)
                : e;
        }

        _logger.TookOver(predecessor.Process, predecessor.GapNs / 1000);
        predecessor.WaitUntilOver();
    }

    private void TakeDown()
    {
        Task captured = Task.CompletedTask;
        _control.Run(() =>
        {
            _sampler.Delete();
            Composition.Dispose();
            captured = Composition.Captures.Completion;
        });
        captured.Wait(s_flushTimeout);
        _watchdog.Dispose();
        _control.Dispose();
    }

    /// <summary>How the control thread hangs, or null while it moves. Any thread.</summary>
    public string? DescribeHang()
    {
        foreach (StuckThread thread in _watchdog.Stuck)
        {
            if (thread.Name == _control.Name)
            {
                return thread.ToString();
            }
        }

        return null;
    }

    // On the watchdog's thread: what it reads may be a moment old.
    private bool HasFrontEnds()
    {
        foreach (PortSource port in Composition.Sources.Ports)
        {
            if (port.Endpoint?.CurrentSession is not null)
            {
                return true;
            }
        }

        return false;
    }

    private void Sample()
    {
        long now = AioClock.Monotonic.NowNs;
        Composition.Sample(now);
        _sampler.Modify(now + SampleNs);
    }
}
