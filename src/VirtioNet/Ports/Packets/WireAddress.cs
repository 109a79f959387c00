using System.Buffers.Binary;
using System.Net;

namespace VhostNet.VirtioNet.Ports.Packets;

/// <summary>IPv4 addresses as numbers.</summary>
internal static class WireAddress
{
    /// <summary>An IPv4 address as a number, the first byte on the wire being the highest.</summary>
    /// <exception cref="ArgumentException">It is an IPv6 address.</exception>
    public static uint ToNumber(IPAddress address) => address.GetAddressBytes() is { Length: 4 } bytes
        ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
        : throw new ArgumentException($"'{address}' is not an IPv4 address");

    /// <summary>A number as it lies in memory in network order.</summary>
    public static uint ToNetworkOrder(uint value) => htonl(value);

    /// <summary>An IPv4 address as it lies in memory in network order.</summary>
    public static uint ToNetworkOrder(IPAddress address) => htonl(ToNumber(address));
}
