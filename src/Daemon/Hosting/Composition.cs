using Microsoft.Extensions.Logging;
using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Metrics;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// The running parts of the daemon: threads, networks and ports. Built from the options in order, taken down in reverse; what was built before a failure is
/// taken down again. Ports and networks can be added and removed while frames flow. All members on the control thread, except <see cref="Sources"/>.
/// </summary>
internal sealed partial class Composition : IDisposable
{
    private readonly PortFactory _factory;
    private readonly Watchdog _watchdog;
    private readonly ILogger _logger;
    private readonly List<IoThread> _threads = [];
    private readonly List<Network> _networks = [];
    private readonly List<PortEntry> _ports = [];
    private readonly IoThread _control;
    private bool _isPrepared;
    private MetricSources _sources = MetricSources.Empty;
    private DaemonOptions _options = new();

    /// <summary>Makes an empty composition.</summary>
    public Composition(IoThread control, PortFactory factory, Watchdog watchdog, ILogger<Composition> logger)
    {
        _control = control;
        _factory = factory;
        _watchdog = watchdog;
        _logger = logger;
        Captures = new Captures(control.Context);
        Publish();
    }

    /// <summary>Raised when the front end of an inherited connection is gone: no other will ever come.</summary>
    public event Action<PortEntry>? LastSessionEnded;

    /// <summary>What the daemon is told to be at present. Any thread.</summary>
    public DaemonOptions Options
    {
        get => Volatile.Read(ref _options);
        private set => Volatile.Write(ref _options, value);
    }

    /// <summary>The IoThreads.</summary>
    public IReadOnlyList<IoThread> Threads => _threads;

    /// <summary>The networks.</summary>
    public IReadOnlyList<Network> Networks => _networks;

    /// <summary>The ports.</summary>
    public IReadOnlyList<PortEntry> Ports => _ports;

    /// <summary>Captures of ports.</summary>
    public Captures Captures { get; }

    /// <summary>Where the log goes, to be measured too.</summary>
    public LogSource[] Logs { get; init; } = [];

    /// <summary>What there is to measure. Any thread.</summary>
    public MetricSources Sources => Volatile.Read(ref _sources);

    /// <summary>Builds everything; when this returns, all vhost-user sockets listen.</summary>
    /// <exception cref="RefusalException">Something can't be had. Nothing is left of what was built before.</exception>
    public void Build(DaemonOptions options)
    {
        try
        {
            IReadOnlyList<ThreadOptions> threads = ThreadPlacement.Threads(options, Environment.ProcessorCount);
            foreach (ThreadOptions thread in threads)
            {
                AddThread(thread);
            }

            foreach (NetworkOptions network in options.Networks)
            {
                _networks.Add(NetworkFactory.Create(network, _control.Context));
            }

            // Guests come last: when the first front end connects, its uplink is there.
            foreach (PortOptions port in options.Ports.OrderBy(p => p.IsVhostUser))
            {
                AddPort(port, options.Ports);
            }

            foreach (NetworkOptions network in options.Networks.Where(n => n.Mirror is not null))
            {
                SetMirror(network);
            }

            Options = (options with { Threads = threads }).WithNamesAsPaths();
            Publish();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Ends one interval of all rates and begins the next.</summary>
    public void Sample(long nowNs)
    {
        foreach (PortSource port in _sources.Ports)
        {
            port.Sample(nowNs);
        }
    }

    /// <summary>Ends all sessions, removes all ports and stops the threads.</summary>
    public void Dispose()
    {
        Captures.Dispose();
        for (int i = _ports.Count - 1; i >= 0; i--)
        {
            _ports[i].Dispose();
        }

        _ports.Clear();
        foreach (IDisposable network in _networks.OfType<IDisposable>())
        {
            network.Dispose();
        }

        _networks.Clear();
        _factory.Dispose();
        foreach (IoThread thread in _threads)
        {
            _watchdog.Remove(thread.Name);
            thread.Dispose();
        }

        _threads.Clear();
        Publish();
    }

    private void AddPort(PortOptions options, IReadOnlyList<PortOptions> all)
    {
        PortEntry entry = Create(options, ThreadPlacement.For(options, all, [.. _threads.Select(t => t.Name)]));
        try
        {
            if (_isPrepared)
            {
                entry.Prepare();
            }
            else
            {
                entry.Start();
            }
        }
        catch (Exception e)
        {
            // Also what can't be explained must not leave a port in its network that nobody knows of.
            entry.Dispose();
            if (StartupFailures.Explain(options, e) is { } explained)
            {
                throw explained;
            }

            throw;
        }

        _ports.Add(entry);
        Publish();
        _logger.PortAdded(options.Name, options.Kind, options.Network ?? "none", string.Join(", ", entry.Threads));
        if (options is { IsVhostUser: true, Mtu: { } mtu })
        {
            _logger.MtuOffered(options.Name, mtu, mtu);
        }
    }

    private void AddThread(ThreadOptions options)
    {
        var thread = new IoThread(new IoThreadOptions
        {
            Name = options.Name,
            Cpu = options.Cpu,
            Policy = options.Poll,
            PollMaxNs = PollMaxNs(options),
        });
        try
        {
            thread.Start();
        }
        catch (ErrnoException e)
        {
            thread.Dispose();
            throw new RefusalException(
                RefusalKind.Resource, $"thread {options.Name}: CPU {options.Cpu} can't be used ({e.Errno}); {CpuRemedy(e)}", e);
        }

        _threads.Add(thread);
        _watchdog.Add(thread.Name, new LoopWatch(thread.Context), carriesFrames: true);
        Publish();
    }

    // The kernel says EINVAL of a processor that is not there or not allowed; EPERM is the word of a sandbox.
    private static string CpuRemedy(ErrnoException e) => e.Errno.Value == EPERM
        ? "the sandbox refuses to bind threads: under systemd copy cpu.conf into the unit's drop-in directory"
        : "choose one of those that this process may run on (taskset -p)";

    private PortEntry Create(PortOptions options, IReadOnlyList<string> names)
    {
        Network? network = options.Network is null ? null : _networks.First(n => n.Name == options.Network);
        IoThread[] threads = [.. names.Select(n => _threads.First(t => t.Name == n))];
        Port? port = null;
        VhostUserEndpoint? endpoint = null;
        var faults = new PortFaults(options.Name, _control.Context, _logger);
        using FaultScope scope = FaultScope.Enter(faults);
        try
        {
            port = _factory.Create(options, threads);
            faults.Watch(port);
            endpoint = port is VhostUserPort guest ? _factory.CreateEndpoint(options, guest) : null;
            if (endpoint is not null)
            {
                faults.Watch(endpoint);
                endpoint.SessionStarted += _ => _watchdog.Wake();
            }

            var entry = new PortEntry(options, port, endpoint, faults, network, names);
            if (endpoint is not null && options.Socket is { Fd: not null })
            {
                endpoint.SessionEnded += _ => OnSessionEnded(entry);
            }

            return entry;
        }
        catch (Exception e)
        {
            endpoint?.Dispose();
            port?.Dispose();
            if (StartupFailures.Explain(options, e) is { } explained)
            {
                throw explained;
            }

            throw;
        }
    }

    private void OnSessionEnded(PortEntry entry)
    {
        if (entry.Endpoint is VhostUserServer { IsListening: false } && _ports.Contains(entry))
        {
            LastSessionEnded?.Invoke(entry);
        }
    }

    private void Publish() => Volatile.Write(ref _sources, new MetricSources
    {
        Queues = [.. _ports.SelectMany(p => p.Queues)],
        Ports = [.. _ports.SelectMany(p => new[] { p.Inward, p.Outward })],
        Logs = Logs,
        Networks = [.. _networks.Select(n => n.Name)],
        Switches = [.. _networks.OfType<SwitchNetwork>().Select(n => new SwitchSeries(n))],
        Threads = [new ThreadSource(_control, _watchdog), .. _threads.Select(t => new ThreadSource(t, _watchdog))],
    });
}
