using VhostNet.Aio.Faults;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.Daemon.Hosting;

/// <summary>A port of the running daemon with what belongs to it. Control thread.</summary>
internal sealed class PortEntry : IDisposable
{
    private Network? _network;

    /// <summary>Takes over a port and its endpoint.</summary>
    public PortEntry(PortOptions options, Port port, VhostUserEndpoint? endpoint, PortFaults faults, Network? network, IReadOnlyList<string> threads)
    {
        Options = options;
        Port = port;
        Endpoint = endpoint;
        Faults = faults;
        Threads = threads;
        _network = network;
        IReadOnlyDictionary<string, string> labels = options.Labels;
        Inward = new PortSource(port, inward: true, endpoint, () => faults.Count, labels);
        Outward = new PortSource(port, inward: false, endpoint, labels: labels);
        Queues = port is VhostUserPort guest
            ? [.. guest.Pairs.SelectMany(p => new[] { new QueueSource(port.Name, p.Rx, p.Tx.Thread.Name, labels), new QueueSource(port.Name, p.Tx, labels) })]
            : [];
    }

    /// <summary>How the port is asked for.</summary>
    public PortOptions Options { get; private set; }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>Where a guest's front end connects; null for other kinds.</summary>
    public VhostUserEndpoint? Endpoint { get; }

    /// <summary>What went wrong in callbacks of the port or its session.</summary>
    public PortFaults Faults { get; }

    /// <summary>Names of the threads that work on the port.</summary>
    public IReadOnlyList<string> Threads { get; }

    /// <summary>What came in by the port.</summary>
    public PortSource Inward { get; }

    /// <summary>What left by the port.</summary>
    public PortSource Outward { get; }

    /// <summary>A guest's queues, receive and transmit in turn.</summary>
    public IReadOnlyList<QueueSource> Queues { get; }

    /// <summary>Joins the network, lets frames in and has the endpoint wait for a front end.</summary>
    public void Start()
    {
        SetLimits(Options);
        Join(_network, Options);
        Open();
    }

    /// <summary>Joins the network; what comes in waits outside until <see cref="Open"/> and <see cref="Port.LetGo"/>.</summary>
    public void Prepare()
    {
        Port.Hold();
        SetLimits(Options);
        Join(_network, Options);
    }

    /// <summary>Lets frames in and has the endpoint wait for a front end.</summary>
    public void Open()
    {
        using FaultScope scope = FaultScope.Enter(Faults);
        Port.Start();
        Endpoint?.Start();
    }

    /// <summary>Takes other options in place, or throws and keeps the present ones.</summary>
    /// <param name="options">The port's options; those of its keys that can't change are as before.</param>
    /// <param name="network">The network that they name.</param>
    public void Change(PortOptions options, Network? network)
    {
        if (network != _network)
        {
            Move(options, network);
        }
        else if (network is SwitchNetwork place && !ReferenceEquals(options.Switch, Options.Switch))
        {
            place.Configure(Port, options.Switch ?? new SwitchPortOptions());
        }

        _network = network;
        Options = options;
        SetLimits(options);
    }

    /// <summary>Ends the guest's session, leaves the network and frees the port.</summary>
    public void Dispose()
    {
        Endpoint?.Dispose();
        if (Port.Network is { } network)
        {
            network.Detach(Port);
        }

        Port.Dispose();
    }

    private static RateLimiter? Limiter(RateLimiter? present, RateLimit? limit) =>
        limit is null || limit.IsUnlimited ? null : present?.Limit == limit ? present : new RateLimiter(limit);

    private void Move(PortOptions options, Network? network)
    {
        if (_network is not null)
        {
            _network.Detach(Port);

            // Whoever was held back by a receiver that is no longer his looks again. A switch holds nobody back, and tells those who stay by itself.
            foreach (Port port in _network is SwitchNetwork ? [Port] : _network.Ports.Append(Port))
            {
                port.PeersAcceptChanged(Offloads.None);
            }
        }

        try
        {
            Join(network, options);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            Join(_network, Options);
            throw;
        }
    }

    private void Join(Network? network, PortOptions options)
    {
        if (network is SwitchNetwork place)
        {
            place.Attach(Port, options.Switch ?? new SwitchPortOptions());
        }
        else
        {
            network?.Attach(Port);
        }
    }

    // A limit that stays the same keeps its tokens.
    private void SetLimits(PortOptions options)
    {
        RateLimiter? receive = Limiter(Port.IngressLimiter, options.ReceiveLimit);
        RateLimiter? send = Limiter(Port.EgressLimiter, options.SendLimit);
        if (receive != Port.IngressLimiter || send != Port.EgressLimiter)
        {
            Port.SetLimits(receive, send);
        }
    }
}
