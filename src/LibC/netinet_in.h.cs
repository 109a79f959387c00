using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>An IPv4 address and port, both in network order.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_in
{
    /// <summary>AF_INET.</summary>
    public ushort sin_family;

    /// <summary>Port, network order.</summary>
    public ushort sin_port;

    /// <summary>Address, network order.</summary>
    public uint sin_addr;

    /// <summary>Padding.</summary>
    public fixed byte sin_zero[8];
}

/// <summary>An IPv6 address and port, network order.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_in6
{
    /// <summary>AF_INET6.</summary>
    public ushort sin6_family;

    /// <summary>Port, network order.</summary>
    public ushort sin6_port;

    /// <summary>Flow information.</summary>
    public uint sin6_flowinfo;

    /// <summary>Address.</summary>
    public fixed byte sin6_addr[16];

    /// <summary>Scope.</summary>
    public uint sin6_scope_id;
}

/// <content>netinet/in.h</content>
public static partial class LibC
{
    /// <summary>IPv4 itself.</summary>
    public static int IPPROTO_IP => Base.IPPROTO_IP;

    /// <summary>ICMP.</summary>
    public static int IPPROTO_ICMP => Base.IPPROTO_ICMP;

    /// <summary>TCP.</summary>
    public static int IPPROTO_TCP => Base.IPPROTO_TCP;

    /// <summary>UDP.</summary>
    public static int IPPROTO_UDP => Base.IPPROTO_UDP;

    /// <summary>IPv6 itself.</summary>
    public static int IPPROTO_IPV6 => Base.IPPROTO_IPV6;

    /// <summary>ICMPv6.</summary>
    public static int IPPROTO_ICMPV6 => Base.IPPROTO_ICMPV6;

    /// <summary>Raw IP packets.</summary>
    public static int IPPROTO_RAW => Base.IPPROTO_RAW;

    /// <summary>Any IPv4 address.</summary>
    public const uint INADDR_ANY = 0;

    /// <summary>127.0.0.1 in host order.</summary>
    public const uint INADDR_LOOPBACK = 0x7f000001;

    /// <summary>255.255.255.255.</summary>
    public const uint INADDR_BROADCAST = 0xffffffff;

    /// <summary>Option: no IPv4 on this socket.</summary>
    public static int IPV6_V6ONLY => Base.IPV6_V6ONLY;

    /// <summary>Host to network order.</summary>
    public static ushort htons(ushort hostshort) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(hostshort) : hostshort;

    /// <summary>Host to network order.</summary>
    public static uint htonl(uint hostlong) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(hostlong) : hostlong;

    /// <summary>Network to host order.</summary>
    public static ushort ntohs(ushort netshort) => htons(netshort);

    /// <summary>Network to host order.</summary>
    public static uint ntohl(uint netlong) => htonl(netlong);
}
