using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>user</c> port.</summary>
internal static class UserPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static UserOptions Read(ConfigSection section)
    {
        var defaults = new UserOptions();
        var options = new UserOptions
        {
            IPv4 = section.Switch("ipv4") ?? defaults.IPv4,
            Network = AddressParsers.Interface(section, "ipv4Network") ?? defaults.Network,
            Host = AddressParsers.Ip(section, "host"),
            Dns = AddressParsers.Ip(section, "dns"),
            DhcpStart = AddressParsers.Ip(section, "dhcpStart"),
            IPv6 = section.Switch("ipv6") ?? defaults.IPv6,
            Network6 = AddressParsers.Interface(section, "ipv6Network") ?? defaults.Network6,
            Restrict = section.Switch("restrict") ?? defaults.Restrict,
            HostLoopback = section.Switch("hostLoopback") ?? defaults.HostLoopback,
            Hostname = section.Text("hostname"),
            DomainName = section.Text("domainName"),
            DnsSearch = section.Texts("dnsSearch") ?? defaults.DnsSearch,
            HostForwards = section.ConvertedList("hostForward", HostForward.Parse) ?? defaults.HostForwards,
            GuestForwards = section.ConvertedList("guestForward", GuestForward.Parse) ?? defaults.GuestForwards,
        };
        return QuotaReader.ReadUser(section, options);
    }
}
