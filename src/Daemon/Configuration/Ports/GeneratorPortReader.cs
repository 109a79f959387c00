using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Ports.Generator;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>generator</c> port.</summary>
internal static class GeneratorPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static GeneratorOptions Read(ConfigSection section)
    {
        var defaults = new GeneratorOptions();
        return new GeneratorOptions
        {
            FrameSize = section.Int("frameSize", 60, 65535) ?? defaults.FrameSize,
            Rate = section.Number("rate", 0, 1_000_000_000) ?? defaults.Rate,
            Count = section.Number("count", 0, long.MaxValue) ?? defaults.Count,
            SourceMac = section.Parsed<MacAddress>("sourceMac", MacAddress.TryParse, AddressParsers.MacMeaning) ?? defaults.SourceMac,
            DestinationMac = section.Parsed<MacAddress>("destinationMac", MacAddress.TryParse, AddressParsers.MacMeaning) ?? defaults.DestinationMac,
            Source = AddressParsers.Ip(section, "source") ?? defaults.Source,
            Destination = AddressParsers.Ip(section, "destination") ?? defaults.Destination,
            UdpPort = section.Int("udpPort", 1, 65535) ?? defaults.UdpPort,
        };
    }
}
