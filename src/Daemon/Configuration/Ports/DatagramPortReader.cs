using VhostNet.VirtioNet.Ports.Datagram;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>udp</c> port.</summary>
internal static class DatagramPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static DatagramOptions Read(ConfigSection section)
    {
        string text = section.RequiredText("addresses", "LOCAL-REMOTE, for example 127.0.0.1:5000-127.0.0.1:5001");
        return section.Converted("addresses", text, DatagramOptions.Parse) with { Hold = HoldTime.Read(section) };
    }
}
