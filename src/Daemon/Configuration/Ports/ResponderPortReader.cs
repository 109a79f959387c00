using System.Net;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>responder</c> port.</summary>
internal static class ResponderPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static ResponderOptions Read(ConfigSection section)
    {
        var defaults = new ResponderOptions();
        var options = new ResponderOptions
        {
            Mac = section.Parsed<MacAddress>("mac", MacAddress.TryParse, AddressParsers.MacMeaning) ?? defaults.Mac,
            Addresses = section.ParsedList<InterfaceAddress>("addresses", AddressParsers.TryInterface, AddressParsers.InterfaceMeaning) ?? defaults.Addresses,
            Dhcp = section.Switch("dhcp") ?? defaults.Dhcp,
            LeaseStart = AddressParsers.Ip(section, "leaseStart") ?? defaults.LeaseStart,
            LeaseCount = section.Int("leaseCount", 1, 4096) ?? defaults.LeaseCount,
            LeaseTime = section.Int("leaseSeconds", 60, int.MaxValue) is { } seconds ? TimeSpan.FromSeconds(seconds) : defaults.LeaseTime,
            Router = AddressParsers.Ip(section, "router"),
            Dns = section.ParsedList<IPAddress>("dns", IPAddress.TryParse, AddressParsers.IpMeaning) ?? defaults.Dns,
        };
        return options.Dns.Count <= ResponderOptions.DnsMax
            ? options
            : throw section.Error("dns", $"names {options.Dns.Count} name servers; a DHCP answer has room for {ResponderOptions.DnsMax}");
    }
}
