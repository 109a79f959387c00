using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>What the fragments of one datagram have in common (RFC 791 section 3.2, RFC 8200 section 4.5), and where they come from.</summary>
/// <param name="IsIPv6">IPv6 rather than IPv4.</param>
/// <param name="Sender">The sender's Ethernet address.</param>
/// <param name="Tag">The 802.1Q tag's control field, or -1 without a tag.</param>
/// <param name="Source">The source address, an IPv4 one in the lowest bits.</param>
/// <param name="Destination">The destination address.</param>
/// <param name="Id">The datagram's number.</param>
internal readonly record struct FragmentKey(bool IsIPv6, MacAddress Sender, int Tag, UInt128 Source, UInt128 Destination, uint Id);
