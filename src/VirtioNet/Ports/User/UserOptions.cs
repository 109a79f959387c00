using System.Net;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>The network that a <see cref="UserPort"/> shows its guest; the defaults are those of QEMU's <c>-netdev user</c>.</summary>
public sealed record UserOptions
{
    /// <summary>Whether there is IPv4.</summary>
    public bool IPv4 { get; init; } = true;

    /// <summary>The guest's IPv4 network. The gateway is its address .2, the name server .3 and the first guest .15, unless named below.</summary>
    public InterfaceAddress Network { get; init; } = InterfaceAddress.Parse("10.0.2.0/24");

    /// <summary>The gateway, by which a guest also reaches the host's loopback; null for the second address of the network.</summary>
    public IPAddress? Host { get; init; }

    /// <summary>The name server inside, which asks the host's; null for the third address of the network.</summary>
    public IPAddress? Dns { get; init; }

    /// <summary>The first address that DHCP hands out; null for the fifteenth of the network.</summary>
    public IPAddress? DhcpStart { get; init; }

    /// <summary>Whether there is IPv6.</summary>
    public bool IPv6 { get; init; } = true;

    /// <summary>The guest's IPv6 network, announced by router advertisements.</summary>
    public InterfaceAddress Network6 { get; init; } = InterfaceAddress.Parse("fec0::/64");

    /// <summary>Whether the guest is cut off from the outside, so that only forwarded ports connect the two.</summary>
    public bool Restrict { get; init; }

    /// <summary>Whether the guest may reach the host's loopback, and so every service that trusts it, through the gateway's address.</summary>
    public bool HostLoopback { get; init; }

    /// <summary>
    /// Flows that there may be at a time, 16 to 65536: TCP connections (those of host forwards too), UDP source ports, pings under way. More are refused
    /// while these go on.
    /// </summary>
    public int FlowsMax { get; init; } = 1024;

    /// <summary>Descriptors of the host that the port may hold, its listeners included, 16 to 65536.</summary>
    public int SocketsMax { get; init; } = 1280;

    /// <summary>New flows of the guest a second, 1 to 1000000; as many may come at once.</summary>
    public int FlowsPerSecond { get; init; } = 2000;

    /// <summary>The host name that DHCP gives the guest, or null.</summary>
    public string? Hostname { get; init; }

    /// <summary>The domain name that DHCP gives the guest, or null.</summary>
    public string? DomainName { get; init; }

    /// <summary>Domains to search, handed out by DHCP.</summary>
    public IReadOnlyList<string> DnsSearch { get; init; } = [];

    /// <summary>MTU in bytes, 576 to 65521.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Host ports that lead to the guest.</summary>
    public IReadOnlyList<HostForward> HostForwards { get; init; } = [];

    /// <summary>Guest-side addresses that lead to Unix sockets of the host.</summary>
    public IReadOnlyList<GuestForward> GuestForwards { get; init; } = [];
}
