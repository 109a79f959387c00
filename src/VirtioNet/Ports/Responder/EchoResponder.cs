using System.Buffers.Binary;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>Turns an ARP request, a neighbour solicitation or an echo request for one of our addresses into its answer, in the frame's own bytes.</summary>
internal sealed class EchoResponder
{
    private const int ArpSize = 28;
    private const int IcmpSize = 8;
    private const byte IcmpEchoRequest = 8;
    private const byte IcmpV6EchoRequest = 128;
    private const byte IcmpV6EchoReply = 129;
    private const byte IcmpV6NeighbourSolicitation = 135;
    private const byte IcmpV6NeighbourAdvertisement = 136;
    private const byte OptionTargetLinkAddress = 2;

    private readonly MacAddress _mac;
    private readonly uint[] _addresses4;
    private readonly UInt128[] _addresses6;

    /// <summary>Creates a responder for these addresses.</summary>
    public EchoResponder(MacAddress mac, IEnumerable<InterfaceAddress> addresses)
    {
        _mac = mac;
        InterfaceAddress[] all = [.. addresses];
        _addresses4 = [.. all.Where(a => !a.IsIPv6).Select(a => BinaryPrimitives.ReadUInt32BigEndian(a.Address.GetAddressBytes()))];
        _addresses6 = [.. all.Where(a => a.IsIPv6).Select(a => BinaryPrimitives.ReadUInt128BigEndian(a.Address.GetAddressBytes()))];
    }

    /// <summary>True when the IPv4 address is one of ours.</summary>
    public bool Owns(uint address) => _addresses4.AsSpan().Contains(address);

    /// <summary>True when the IPv6 address is one of ours.</summary>
    public bool Owns(UInt128 address) => _addresses6.AsSpan().Contains(address);

    /// <summary>Answers an ARP request (RFC 826).</summary>
    /// <returns>The length of the reply above Ethernet; 0 when there is none.</returns>
    public int AnswerArp(Span<byte> arp)
    {
        // Ethernet, IPv4, 6 and 4 bytes, request.
        if (arp.Length < ArpSize || BinaryPrimitives.ReadUInt64BigEndian(arp) != 0x0001_0800_0604_0001)
        {
            return 0;
        }

        uint target = BinaryPrimitives.ReadUInt32BigEndian(arp[24..]);
        if (!Owns(target))
        {
            return 0;
        }

        arp[7] = 2;
        arp.Slice(8, 10).CopyTo(arp[18..]);
        _mac.Write(arp[8..]);
        BinaryPrimitives.WriteUInt32BigEndian(arp[14..], target);
        return ArpSize;
    }

    /// <summary>Answers an ICMP echo request (RFC 792) whose IPv4 header, all of <paramref name="packet"/>'s first bytes, was checked.</summary>
    /// <returns>The length of the reply above Ethernet; 0 when there is none.</returns>
    public int AnswerIcmp(Span<byte> packet, int headerSize)
    {
        Span<byte> icmp = packet[headerSize..];
        if (icmp.Length < IcmpSize || icmp[0] != IcmpEchoRequest || icmp[1] != 0 || PacketChecksum.Compute(icmp) != 0
            || !Owns(BinaryPrimitives.ReadUInt32BigEndian(packet[16..])))
        {
            return 0;
        }

        SwapWords(packet, 12, 16, 4);
        packet[8] = WireFormat.DefaultTtl;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], PacketChecksum.Compute(packet[..headerSize]));

        // The checksum is carried over rather than computed anew, so that a byte changed on the way stays visible to the sender.
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(icmp[2..]);
        icmp[0] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], PacketChecksum.Update(checksum, IcmpEchoRequest << 8, 0));
        return packet.Length;
    }

    /// <summary>Answers an ICMPv6 echo request (RFC 4443) or neighbour solicitation (RFC 4861) in an IPv6 packet without extension headers.</summary>
    /// <returns>The length of the reply above Ethernet; 0 when there is none. <paramref name="room"/> may have to be longer than the request.</returns>
    public int AnswerIcmpV6(Span<byte> room, int length)
    {
        Span<byte> icmp = room[WireFormat.IPv6Size..length];
        if (icmp.Length < IcmpSize
            || PacketChecksum.Finish(PacketChecksum.Add(PacketChecksum.AddPseudoHeader(0, room.Slice(8, 32), WireFormat.ProtocolIcmpV6, icmp.Length), icmp)) != 0)
        {
            return 0;
        }

        return icmp[0] switch
        {
            IcmpV6EchoRequest when icmp[1] == 0 => AnswerEchoV6(room[..length], icmp),
            IcmpV6NeighbourSolicitation when icmp[1] == 0 && icmp.Length >= 24 && room[7] == 255 => AnswerSolicitation(room),
            _ => 0,
        };
    }

    private int AnswerEchoV6(Span<byte> packet, Span<byte> icmp)
    {
        if (!_addresses6.AsSpan().Contains(BinaryPrimitives.ReadUInt128BigEndian(packet[24..])))
        {
            return 0;
        }

        SwapWords(packet, 8, 24, 16);
        packet[7] = WireFormat.DefaultTtl;
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(icmp[2..]);
        icmp[0] = IcmpV6EchoReply;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], PacketChecksum.Update(checksum, IcmpV6EchoRequest << 8, IcmpV6EchoReply << 8));
        return packet.Length;
    }

    private int AnswerSolicitation(Span<byte> room)
    {
        const int advertisementSize = 32;
        Span<byte> icmp = room.Slice(WireFormat.IPv6Size, advertisementSize);
        UInt128 target = BinaryPrimitives.ReadUInt128BigEndian(icmp[8..]);
        if (!_addresses6.AsSpan().Contains(target))
        {
            return 0;
        }

        // A solicitation from the unspecified address is a duplicate address probe: answered to all nodes and not marked as solicited.
        UInt128 asker = BinaryPrimitives.ReadUInt128BigEndian(room[8..]);
        bool probe = asker == UInt128.Zero;
        BinaryPrimitives.WriteUInt16BigEndian(room[4..], advertisementSize);
        BinaryPrimitives.WriteUInt128BigEndian(room[8..], target);
        BinaryPrimitives.WriteUInt128BigEndian(room[24..], probe ? new UInt128(0xff02_0000_0000_0000, 1) : asker);
        icmp[0] = IcmpV6NeighbourAdvertisement;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(icmp[4..], probe ? 0x2000_0000u : 0x6000_0000u);
        icmp[24] = OptionTargetLinkAddress;
        icmp[25] = 1;
        _mac.Write(icmp[26..]);
        ulong sum = PacketChecksum.AddPseudoHeader(0, room.Slice(8, 32), WireFormat.ProtocolIcmpV6, advertisementSize);
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], PacketChecksum.Finish(PacketChecksum.Add(sum, icmp)));
        return WireFormat.IPv6Size + advertisementSize;
    }

    private static void SwapWords(Span<byte> packet, int first, int second, int length)
    {
        Span<byte> saved = stackalloc byte[16];
        packet.Slice(first, length).CopyTo(saved);
        packet.Slice(second, length).CopyTo(packet[first..]);
        saved[..length].CopyTo(packet[second..]);
    }
}
