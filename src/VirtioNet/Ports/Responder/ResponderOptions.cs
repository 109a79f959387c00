using System.Net;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>What a <see cref="ResponderPort"/> answers for.</summary>
public sealed record ResponderOptions
{
    /// <summary>The responder's Ethernet address.</summary>
    public MacAddress Mac { get; init; } = new(0x5255_0a00_0202);

    /// <summary>The addresses that answer ARP, neighbour solicitations and echo requests. The first IPv4 one is the DHCP server's.</summary>
    public IReadOnlyList<InterfaceAddress> Addresses { get; init; } = [InterfaceAddress.Parse("10.0.2.2/24"), InterfaceAddress.Parse("fe80::2/64")];

    /// <summary>Whether DHCPv4 requests are answered; needs an IPv4 address.</summary>
    public bool Dhcp { get; init; } = true;

    /// <summary>The first address that is handed out.</summary>
    public IPAddress LeaseStart { get; init; } = IPAddress.Parse("10.0.2.15");

    /// <summary>How many addresses are handed out, at most 4096; those past the end of the network are left out.</summary>
    public int LeaseCount { get; init; } = 128;

    /// <summary>
    /// How long a client's address is its own, unless it asks again: in whole seconds, 60 at least. After it the address goes to who needs one.
    /// </summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The router that clients are told of; null for the responder itself.</summary>
    public IPAddress? Router { get; init; }

    /// <summary>Most name servers that a DHCP option has room for: 255 bytes, 4 each.</summary>
    public const int DnsMax = 63;

    /// <summary>The name servers that clients are told of, at most <see cref="DnsMax"/>; empty for the responder itself.</summary>
    public IReadOnlyList<IPAddress> Dns { get; init; } = [];

    /// <summary>The MTU that clients are told, in bytes; 0 to say nothing.</summary>
    public int Mtu { get; init; }
}
