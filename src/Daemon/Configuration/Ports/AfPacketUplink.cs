using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.AfPacket;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads an <c>af-packet</c> port.</summary>
internal static class AfPacketUplink
{
    /// <summary>Reads the port's keys.</summary>
    public static Func<PortOptions, PortPlace, Port> Read(ConfigSection section)
    {
        string name = InterfaceNames.Read(section, "interface") ?? section.RequiredText("interface", "which network interface is used, for example eth1");
        var defaults = new AfPacketOptions { Interface = name };
        AfPacketOptions options = defaults with
        {
            Promiscuous = section.Switch("promiscuous") ?? defaults.Promiscuous,
            Offloads = section.Switch("offloads") ?? defaults.Offloads,
            QdiscBypass = section.Switch("qdiscBypass") ?? defaults.QdiscBypass,
            Hold = HoldTime.Read(section),
        };
        return (port, place) => new AfPacketPort(port.Name, options with { Queues = port.QueuePairs }, place.Contexts, place.FindLinks(), place.Control);
    }
}
