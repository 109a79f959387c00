using VhostNet.VirtioNet.Ports.AfPacket;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads an <c>af-packet</c> port.</summary>
internal static class AfPacketPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static AfPacketOptions Read(ConfigSection section)
    {
        string name = InterfaceNames.Read(section, "interface") ?? section.RequiredText("interface", "which network interface is used, for example eth1");
        var defaults = new AfPacketOptions { Interface = name };
        return defaults with
        {
            Promiscuous = section.Switch("promiscuous") ?? defaults.Promiscuous,
            Offloads = section.Switch("offloads") ?? defaults.Offloads,
            QdiscBypass = section.Switch("qdiscBypass") ?? defaults.QdiscBypass,
            Hold = HoldTime.Read(section),
        };
    }
}
