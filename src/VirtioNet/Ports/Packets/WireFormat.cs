namespace VhostNet.VirtioNet.Ports.Packets;

/// <summary>Numbers of the packets that ports read and write themselves, in the order of the layers.</summary>
internal static class WireFormat
{
    /// <summary>Bytes of an Ethernet header without a tag.</summary>
    public const int EthernetSize = 14;

    /// <summary>Bytes of an IEEE 802.1Q tag.</summary>
    public const int VlanTagSize = 4;

    /// <summary>Where the source address is in an Ethernet header.</summary>
    public const int EthernetSource = 6;

    /// <summary>Shortest Ethernet frame without its check sequence.</summary>
    public const int EthernetMin = 60;

    /// <summary>EtherType of IPv4.</summary>
    public const ushort TypeIPv4 = 0x0800;

    /// <summary>EtherType of ARP.</summary>
    public const ushort TypeArp = 0x0806;

    /// <summary>EtherType of IPv6.</summary>
    public const ushort TypeIPv6 = 0x86dd;

    /// <summary>EtherType of an IEEE 802.1Q tag.</summary>
    public const ushort TypeVlan = 0x8100;

    /// <summary>Bytes of an IPv4 header without options.</summary>
    public const int IPv4Size = 20;

    /// <summary>Bytes of an IPv6 header.</summary>
    public const int IPv6Size = 40;

    /// <summary>Bytes of a UDP header.</summary>
    public const int UdpSize = 8;

    /// <summary>IP protocol number of ICMP.</summary>
    public const byte ProtocolIcmp = 1;

    /// <summary>IP protocol number of UDP.</summary>
    public const byte ProtocolUdp = 17;

    /// <summary>IP protocol number of IPv6's fragment header.</summary>
    public const byte ProtocolFragment = 44;

    /// <summary>IP protocol number of ICMPv6.</summary>
    public const byte ProtocolIcmpV6 = 58;

    /// <summary>Hop limit of packets that we make.</summary>
    public const byte DefaultTtl = 64;
}
