using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Hosting;

/// <content>Taking everything over from another process. Control thread.</content>
internal sealed partial class Composition
{
    /// <summary>
    /// Builds everything as it is in a process that still runs, and maps its guests' memory; no frame passes, nothing listens, and nothing that the other
    /// process uses is changed.
    /// </summary>
    /// <param name="options">What to build: ports and networks as they run there.</param>
    /// <param name="predecessor">The other process.</param>
    /// <exception cref="Common.RefusalException">Something can't be had. Nothing is left of what was built before.</exception>
    public void Prepare(DaemonOptions options, Predecessor predecessor)
    {
        var records = predecessor.State.Ports.ToDictionary(p => p.Name, StringComparer.Ordinal);
        _factory.Inherited = name => records.TryGetValue(name, out PortRecord? record) ? record.ToState(predecessor.Descriptors) : null;
        _isPrepared = true;
        Build(options);
        _factory.Inherited = null;
        foreach (PortEntry entry in _ports)
        {
            if (PortRecords.Session(Record(predecessor.State, entry), predecessor.Descriptors) is { } session)
            {
                using (session)
                {
                    entry.Endpoint?.Prepare(session);
                }
            }
        }
    }

    /// <summary>Makes everything as it is in the other process, which stands still. No frame passes yet.</summary>
    /// <exception cref="InvalidDataException">The state does not fit what was prepared.</exception>
    public void Restore(HandoverState state, DescriptorList descriptors)
    {
        foreach (PortEntry entry in _ports)
        {
            PortRecords.Restore(entry, Record(state, entry), descriptors);
        }

        foreach (NetworkRecord record in state.Networks)
        {
            if (_networks.Find(n => n.Name == record.Name) is SwitchNetwork place)
            {
                place.RestoreAddresses(record.Addresses.Select(a => new SwitchMacEntry(a.Vlan, new MacAddress(a.Address), a.Port, false, a.Age)));
            }
        }
    }

    /// <summary>Lets frames pass, and front ends connect.</summary>
    public void LetGo()
    {
        _isPrepared = false;
        foreach (PortEntry entry in _ports.OrderBy(p => p.Endpoint is not null))
        {
            try
            {
                entry.Open();
                entry.Port.LetGo();
            }
#pragma warning disable CA1031 // There is no way back: this port fails, and the others go on.
            catch (Exception e)
            {
                _logger.PortNotOpened(entry.Port.Name, StartupFailures.Sentence(e.Message));
            }
#pragma warning restore CA1031
        }
    }

    private static PortRecord Record(HandoverState state, PortEntry entry) => state.Ports.FirstOrDefault(p => p.Name == entry.Port.Name)
        ?? throw new InvalidDataException($"port {entry.Port.Name} is not part of what was handed over");
}
