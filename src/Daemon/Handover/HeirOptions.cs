using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Handover;

/// <summary>
/// What a process that takes over is told to be at first: ports and networks as they run in the old one, also where that was never saved; threads, sockets and
/// the log as its own configuration says. What that says of ports and networks is carried out afterwards, as a change.
/// </summary>
internal static class HeirOptions
{
    /// <summary>Joins the two.</summary>
    /// <param name="own">What this process was started with.</param>
    /// <param name="running">What runs in the old one.</param>
    /// <exception cref="RefusalException">They don't fit together.</exception>
    public static DaemonOptions Join(DaemonOptions own, ConfigurationRecord running)
    {
        try
        {
            DaemonOptions joined = own with
            {
                Networks = [.. running.Running.Where(i => i.List == "networks").Select(i => Network(own, i))],
                Ports = [.. running.Running.Where(i => i.List == "ports").Select(i => Port(own, i))],
            };
            OptionsValidator.Check(joined);
            return joined;
        }
        catch (ConfigException e)
        {
            throw new RefusalException(
                RefusalKind.Wrong, $"{own.Source}: it does not fit what runs and would be taken over: {e.Message}; change one of the two first", e);
        }
    }

    private static NetworkOptions Network(DaemonOptions own, ItemRecord item) => item.Value is { } value
        ? NetworkReader.Read(ConfigSection.At(value, $"networks.{item.Name}"))
        : own.Networks.FirstOrDefault(n => n.Name == item.Name) ?? throw Missing("network", item);

    private static PortOptions Port(DaemonOptions own, ItemRecord item)
    {
        string path = $"ports.{item.Name}";
        if (item.Value is { } whole && !item.IsFromCommandLine)
        {
            return PortReader.Read(ConfigSection.At(whole, path));
        }

        PortOptions port = own.Ports.FirstOrDefault(p => p.Name == item.Name) ?? throw Missing("port", item);
        return item.Value is { } changed ? PortReader.ReadLive(ConfigSection.At(changed, path), port) with { Source = changed } : port;
    }

    private static ConfigException Missing(string what, ItemRecord item) => new(
        string.Empty, $"{what} {item.Name} comes from the other process's command line; start this one with the same options");
}
