using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// The addresses that a port may use, checked in the Ethernet header and, if IP addresses are pinned, in IPv4, IPv6, ARP (RFC 826) and neighbour discovery
/// (RFC 4861). Immutable; looks at a copy of the frame's beginning.
/// </summary>
internal sealed class SwitchPins
{
    private const ushort Rarp = 0x8035;
    private const byte RouterSolicitation = 133;
    private const byte NeighborSolicitation = 135;
    private const byte NeighborAdvertisement = 136;
    private const byte MulticastReport2 = 143;
    private const byte RouterAdvertisement = 134;
    private const byte Redirect = 137;
    private const byte SourceLinkOption = 1;
    private const byte TargetLinkOption = 2;
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte Authentication = 51;
    private const byte DestinationOptions = 60;
    private const int IPv4HeaderMin = 20;
    private const int IPv6Header = 40;
    private const int IcmpChecksum = 2;

    private readonly ulong[]? _macs;
    private readonly Prefix[]? _addresses;

    public SwitchPins(IReadOnlyCollection<MacAddress>? macs, IReadOnlyCollection<IPNetwork>? addresses)
    {
        _macs = macs?.Select(m => m.Value).ToArray();
        _addresses = addresses is null ? null : [.. addresses.Select(Prefix.Of), .. (macs ?? []).Select(m => Prefix.LinkLocal(m.Value))];
    }

    /// <summary>True when IP addresses are pinned: each frame has to be looked at.</summary>
    public bool PinsAddresses => _addresses is not null;

    /// <summary>True when the port may send a frame that begins like this.</summary>
    /// <param name="head">The frame's beginning, our own copy.</param>
    /// <param name="header">What the frame leaves undone: a checksum that is still to be written must not change what was looked at.</param>
    public bool Allows(ReadOnlySpan<byte> head, in VirtioNetHeader header)
    {
        if (head.Length < ETH_HLEN || !AllowsMac(MacAddress.Read(head[ETH_ALEN..]).Value))
        {
            return false;
        }

        if (_addresses is null)
        {
            return true;
        }

        int network = FrameLayout.FindNetwork(head, out ushort type);
        return network >= 0 && AllowsPacket(head[network..], type, out Checked looked)
            && ((header.Flags & VirtioNetHeader.F_NEEDS_CSUM) == 0 || looked.LeavesAlone(header.CsumStart + header.CsumOffset - network));
    }

    private bool AllowsPacket(ReadOnlySpan<byte> packet, ushort type, out Checked looked)
    {
        looked = Checked.Everything;
        return type switch
        {
            ETH_P_IP => AllowsIPv4(packet, out looked),
            ETH_P_IPV6 => AllowsIPv6(packet, out looked),
            ETH_P_ARP => AllowsArp(packet),
            // A reverse ARP request states Ethernet addresses only, and is sent after a migration.
            Rarp => packet.Length >= 14 && AllowsMac(MacAddress.Read(packet[8..]).Value),
            // What is neither could carry an IP packet in some wrapping.
            _ => false,
        };
    }

    private bool AllowsMac(ulong mac) => _macs is null || Array.IndexOf(_macs, mac) >= 0;

    private bool AllowsArp(ReadOnlySpan<byte> packet)
    {
        // Ethernet and IPv4 addresses only; a sender address of 0 is a probe (RFC 5227).
        if (packet.Length < 28 || BinaryPrimitives.ReadUInt64BigEndian(packet) >> 16 != 0x0001_0800_0604)
        {
            return false;
        }

        uint sender = BinaryPrimitives.ReadUInt32BigEndian(packet[14..]);
        return AllowsMac(MacAddress.Read(packet[8..]).Value) && (sender == 0 || Contains(sender, isIPv6: false));
    }

    private bool AllowsIPv4(ReadOnlySpan<byte> packet, out Checked looked)
    {
        looked = Checked.Everything;
        if (packet.Length < IPv4HeaderMin || packet[0] >> 4 != 4)
        {
            return false;
        }

        uint source = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]);
        int header = (packet[0] & 15) * 4;
        looked = new Checked(Math.Max(header, IPv4HeaderMin), 0);
        if (source != 0)
        {
            return Contains(source, isIPv6: false);
        }

        // A DHCP client has no address yet.
        looked = new Checked(header + sizeof(uint), 0);
        return packet[9] == IPPROTO_UDP && header >= IPv4HeaderMin && packet.Length >= header + sizeof(uint)
            && BinaryPrimitives.ReadUInt32BigEndian(packet[header..]) == 0x0044_0043;
    }

    private bool AllowsIPv6(ReadOnlySpan<byte> packet, out Checked looked)
    {
        looked = Checked.Everything;
        if (packet.Length < IPv6Header || packet[0] >> 4 != 6)
        {
            return false;
        }

        UInt128 source = BinaryPrimitives.ReadUInt128BigEndian(packet[8..]);
        if (source != UInt128.Zero && !Contains(source, isIPv6: true))
        {
            return false;
        }

        bool unspecified = source == UInt128.Zero;
        int at = SkipExtensions(packet, out byte protocol, out int fragment);
        if (at < 0 || protocol != IPPROTO_ICMPV6 || fragment > 0)
        {
            looked = new Checked(at, 0);
            return at >= 0 && !unspecified;
        }

        // Its own checksum may be left undone like any other.
        looked = new Checked(int.MaxValue, at + IcmpChecksum);

        // Discovery is never fragmented (RFC 6980), and one whose end can't be seen could hide an option there.
        bool whole = fragment < 0 && IPv6Header + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) <= packet.Length;
        return AllowsIcmp(packet[at..], unspecified, whole);
    }

    /// <summary>Neighbour discovery must state allowed addresses; a pinned port is a host, so it neither advertises routes nor redirects.</summary>
    private bool AllowsIcmp(ReadOnlySpan<byte> message, bool unspecified, bool whole)
    {
        if (message.IsEmpty)
        {
            return false;
        }

        switch (message[0])
        {
            case RouterSolicitation:
                return whole && (unspecified || AllowsLinkOption(message, 8, SourceLinkOption));
            case NeighborSolicitation:
                return whole && message.Length >= 24 && (unspecified || AllowsLinkOption(message, 24, SourceLinkOption));
            case NeighborAdvertisement:
                return whole && !unspecified && message.Length >= 24 && Contains(BinaryPrimitives.ReadUInt128BigEndian(message[8..]), isIPv6: true)
                    && AllowsLinkOption(message, 24, TargetLinkOption);
            case RouterAdvertisement or Redirect:
                return false;
            case MulticastReport2:
                return true;
            default:
                return !unspecified;
        }
    }

    private bool AllowsLinkOption(ReadOnlySpan<byte> message, int at, byte option)
    {
        for (; message.Length >= at + 8; at += Math.Max(8, message[at + 1] * 8))
        {
            if (message[at] == option && !AllowsMac(MacAddress.Read(message[(at + 2)..]).Value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Finds the upper protocol's header, or -1 when it doesn't lie in the bytes at hand. <paramref name="fragment"/> is negative for a whole packet, 0 for the
    /// first fragment of one, positive for a later one, which has no such header.
    /// </summary>
    private static int SkipExtensions(ReadOnlySpan<byte> packet, out byte protocol, out int fragment)
    {
        int at = IPv6Header;
        protocol = packet[6];
        fragment = -1;
        while (protocol is HopByHop or Routing or DestinationOptions or Authentication or Fragment)
        {
            if (packet.Length < at + 8)
            {
                return -1;
            }

            int length = (packet[at + 1] + 1) * 8;
            if (protocol == Fragment)
            {
                fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) >> 3;
                length = 8;
            }
            else if (protocol == Authentication)
            {
                length = (packet[at + 1] + 2) * 4;
            }

            protocol = packet[at];
            at += length;
            if (fragment > 0)
            {
                return at;
            }
        }

        return at <= packet.Length ? at : -1;
    }

    private bool Contains(UInt128 address, bool isIPv6)
    {
        foreach (Prefix prefix in _addresses!)
        {
            if (prefix.IsIPv6 == isIPv6 && (address & prefix.Mask) == prefix.Value)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Which bytes of a packet a decision rests on.</summary>
    /// <param name="End">Where they end.</param>
    /// <param name="Checksum">Where among them the packet's own checksum has its place, on which no decision rests; 0 for none.</param>
    private readonly record struct Checked(int End, int Checksum)
    {
        public static Checked Everything => new(int.MaxValue, 0);

        /// <summary>True when two bytes at an offset may still change.</summary>
        public bool LeavesAlone(int offset) => offset >= End || (Checksum > 0 && offset == Checksum);
    }

    private readonly record struct Prefix(UInt128 Value, UInt128 Mask, bool IsIPv6)
    {
        public static Prefix Of(IPNetwork network)
        {
            bool isIPv6 = network.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;
            byte[] bytes = network.BaseAddress.GetAddressBytes();
            UInt128 value = isIPv6 ? BinaryPrimitives.ReadUInt128BigEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
            int host = (isIPv6 ? 128 : 32) - network.PrefixLength;
            UInt128 mask = host >= 128 ? UInt128.Zero : UInt128.MaxValue << host;
            return new Prefix(value & mask, mask, isIPv6);
        }

        public static Prefix LinkLocal(ulong mac)
        {
            ulong identifier = ((mac >> 24) << 40) | 0xff_fe00_0000 | (mac & 0xff_ffff);
            return new Prefix(new UInt128(0xfe80_0000_0000_0000, identifier ^ 0x0200_0000_0000_0000), UInt128.MaxValue, true);
        }
    }
}
