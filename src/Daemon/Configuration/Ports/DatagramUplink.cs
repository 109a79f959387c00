using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Datagram;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>udp</c> port.</summary>
internal static class DatagramUplink
{
    /// <summary>Reads the port's keys.</summary>
    public static Func<PortOptions, PortPlace, Port> Read(ConfigSection section)
    {
        string text = section.RequiredText("addresses", "LOCAL-REMOTE, for example 127.0.0.1:5000-127.0.0.1:5001");
        DatagramOptions options = section.Converted("addresses", text, DatagramOptions.Parse) with { Hold = HoldTime.Read(section) };
        return (port, place) => new DatagramPort(port.Name, options, place.First);
    }
}
