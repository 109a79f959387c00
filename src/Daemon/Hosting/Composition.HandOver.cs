using VhostNet.Aio.Timers;
using VhostNet.Daemon.Handover;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Hosting;

/// <content>Handing everything over to another process, and going on when nothing comes of it. Control thread.</content>
internal sealed partial class Composition
{
    private readonly Dictionary<SwitchNetwork, IReadOnlyList<SwitchMacEntry>> _addresses = [];

    /// <summary>Whether every session can be captured at this moment; otherwise soon, when the loop has run.</summary>
    public bool CanHandOver => _ports.All(p => p.Endpoint?.CurrentSession is not { CanCapture: false });

    /// <summary>The sockets at which guests' front ends connect.</summary>
    public IEnumerable<ListeningSocket> Listening => _ports
        .Where(p => p.Endpoint is VhostUserServer { Listener: not null })
        .Select(p => (Entry: p, Server: (VhostUserServer)p.Endpoint!))
        .Select(p => new ListeningSocket(p.Entry.Port.Name, p.Entry.Options.Socket?.Path, p.Server.Listener!, p.Server.OwnsPath));

    /// <summary>Says why this daemon can't be taken over as it is; null when it can.</summary>
    public string? RefusalToHandOver()
    {
        if (_ports.FirstOrDefault(p => Captures.Find(p.Port) is { Ended: null }) is { } captured)
        {
            return $"a capture of port {captured.Port.Name} runs and can't be handed over; end it first (DELETE /ports/{captured.Port.Name}/capture)";
        }

        PortEntry? inherited = _ports.Find(p => p.Endpoint is VhostUserServer { IsListening: false });
        return inherited is null
            ? null
            : $"port {inherited.Port.Name} has a connection that was passed on by its number (socket.fd, --fd), which ends with this process";
    }

    /// <summary>What there is, while everything goes on.</summary>
    /// <param name="descriptors">Where the open files go, as second descriptors.</param>
    /// <exception cref="HandoverException">Something can't be handed over.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public HandoverState Describe(DescriptorList descriptors) => new()
    {
        Ports = [.. _ports.Select(p => PortRecords.Make(p, descriptors))],
        Networks = [.. _networks.Select(n => new NetworkRecord(n.Name, n.Kind, Addresses(n)))],
    };

    /// <summary>
    /// Has nothing under way any more: sources are held first, so that no frame is dropped; then rings stop where they stand. <see cref="GoOn"/> undoes it,
    /// also when this throws.
    /// </summary>
    /// <param name="descriptors">Where the open files go, as second descriptors.</param>
    /// <returns>Everything, as it is now.</returns>
    /// <exception cref="HandoverException">Something can't be handed over.</exception>
    /// <exception cref="InvalidOperationException">A session can't be captured at this moment, see <see cref="CanHandOver"/>.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public HandoverState StandStill(DescriptorList descriptors)
    {
        long since = AioClock.Monotonic.NowNs;

        // Guests first: other ports answer them.
        foreach (PortEntry entry in _ports.OrderBy(p => p.Endpoint is null))
        {
            entry.Port.Hold();
        }

        // A switch forgets what is behind a port that goes down.
        _addresses.Clear();
        foreach (SwitchNetwork network in _networks.OfType<SwitchNetwork>())
        {
            _addresses[network] = network.ListAddresses();
        }

        foreach (PortEntry entry in _ports)
        {
            foreach (Metrics.QueueSource queue in entry.Queues)
            {
                // A ring that was never looked at is not counted once it is gone.
                queue.Read(out _);
            }

            entry.Endpoint?.CurrentSession?.Pause();
        }

        return Describe(descriptors) with { HeldSinceNs = since };
    }

    /// <summary>Goes on after <see cref="StandStill"/>.</summary>
    /// <param name="mayHaveMoved">Whether another process may have worked on the guests' rings meanwhile.</param>
    public void GoOn(bool mayHaveMoved)
    {
        foreach (PortEntry entry in _ports)
        {
            try
            {
                entry.Endpoint?.CurrentSession?.Continue(mayHaveMoved);
            }
#pragma warning disable CA1031 // Whatever happened to this guest, the others go on.
            catch (Exception e)
            {
                _logger.SessionNotContinued(entry.Port.Name, StartupFailures.Sentence(e.Message));
            }
#pragma warning restore CA1031
        }

        foreach ((SwitchNetwork network, IReadOnlyList<SwitchMacEntry> addresses) in _addresses)
        {
            network.RestoreAddresses(addresses);
        }

        _addresses.Clear();
        foreach (PortEntry entry in _ports)
        {
            entry.Port.LetGo();
        }
    }

    /// <summary>Another process goes on with everything: here it ends, and nothing that the other one uses is touched by that.</summary>
    public void Abandon()
    {
        foreach (PortEntry entry in _ports)
        {
            entry.Endpoint?.Abandon();
            entry.Port.Abandon();
        }

        Dispose();
    }

    private IReadOnlyList<AddressRecord> Addresses(Network network) => network is not SwitchNetwork place
        ? []
        :
        [
            .. (_addresses.GetValueOrDefault(place) ?? place.ListAddresses())
                .Where(a => !a.IsStatic)
                .Select(a => new AddressRecord(a.Vlan, a.Address.Value, a.Port, a.Age)),
        ];
}
