using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Backend;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.Daemon.Hosting;

/// <summary>A port of the running daemon with what belongs to it. Control thread.</summary>
internal sealed class PortEntry : IDisposable
{
    private readonly Network? _network;

    /// <summary>Takes over a port and its endpoint.</summary>
    public PortEntry(PortOptions options, Port port, VhostUserEndpoint? endpoint, Network? network, IReadOnlyList<string> threads)
    {
        Options = options;
        Port = port;
        Endpoint = endpoint;
        Threads = threads;
        _network = network;
        Inward = new PortSource(port, inward: true, endpoint);
        Outward = new PortSource(port, inward: false, endpoint);
        Queues = port is VhostUserPort guest
            ? [.. guest.Pairs.SelectMany(p => new[] { new QueueSource(port.Name, p.Rx, p.Tx.Thread.Name), new QueueSource(port.Name, p.Tx) })]
            : [];
    }

    /// <summary>How the port was asked for.</summary>
    public PortOptions Options { get; }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>Where a guest's front end connects; null for other kinds.</summary>
    public VhostUserEndpoint? Endpoint { get; }

    /// <summary>Names of the threads that work on the port.</summary>
    public IReadOnlyList<string> Threads { get; }

    /// <summary>What came in by the port.</summary>
    public PortSource Inward { get; }

    /// <summary>What left by the port.</summary>
    public PortSource Outward { get; }

    /// <summary>A guest's queues, receive and transmit in turn.</summary>
    public IReadOnlyList<QueueSource> Queues { get; }

    /// <summary>Joins the network and lets frames in.</summary>
    public void Start()
    {
        if (Options.ReceiveLimit is not null || Options.SendLimit is not null)
        {
            Port.SetLimits(Limiter(Options.ReceiveLimit), Limiter(Options.SendLimit));
        }

        if (_network is SwitchNetwork place)
        {
            place.Attach(Port, Options.Switch ?? new SwitchPortOptions());
        }
        else
        {
            _network?.Attach(Port);
        }

        Port.Start();
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

    private static RateLimiter? Limiter(RateLimit? limit) => limit is null || limit.IsUnlimited ? null : new RateLimiter(limit);
}
