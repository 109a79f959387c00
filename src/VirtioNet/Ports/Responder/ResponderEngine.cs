using System.Buffers.Binary;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// Turns a request frame into its answer, in place: ARP, ICMP and ICMPv6 echo, neighbour solicitation, DHCPv4; with or without an 802.1Q tag. Echo requests in
/// fragments are answered in frames of their own (<see cref="Fragments"/>). The bytes are
/// the caller's own copy, so a guest can't change them meanwhile. Not thread-safe.
/// </summary>
internal sealed class ResponderEngine
{
    /// <summary>Room that an answer may need beyond the request's own length.</summary>
    public const int ReplyRoom = WireFormat.EthernetSize + WireFormat.VlanTagSize + DhcpServer.ReplyMax;

    private const int DefaultMtu = 1500;

    private readonly MacAddress _mac;
    private readonly EchoResponder _echo;
    private readonly DhcpServer? _dhcp;

    /// <summary>Creates an engine.</summary>
    /// <param name="options">What it answers for.</param>
    /// <param name="clock">The clock of leases and fragments.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public ResponderEngine(ResponderOptions options, AioClock clock)
    {
        _mac = options.Mac;
        _echo = new EchoResponder(options.Mac, options.Addresses);
        InterfaceAddress? first = options.Addresses.FirstOrDefault(a => !a.IsIPv6);
        _dhcp = options.Dhcp && first is not null ? new DhcpServer(first, options, clock) : null;
        Fragments = new FragmentedEcho(_echo, _mac, options.Mtu > 0 ? options.Mtu : DefaultMtu, clock);
    }

    /// <summary>Echo requests that come in fragments. When <see cref="Answer"/> returns 0, there may be an answer here.</summary>
    public FragmentedEcho Fragments { get; }

    /// <summary>Which client has which address; null where none are given.</summary>
    public LeaseTable? Leases => _dhcp?.Leases;

    /// <summary>
    /// Answers the frame in the first <paramref name="length"/> bytes of <paramref name="room"/>, which holds at least <see cref="ReplyRoom"/> bytes.
    /// </summary>
    /// <returns>The answer's length in bytes; 0 when the frame needs none.</returns>
    public int Answer(Span<byte> room, int length)
    {
        if (length < WireFormat.EthernetSize)
        {
            return 0;
        }

        var destination = MacAddress.Read(room);
        if (destination != _mac && !destination.IsMulticast)
        {
            return 0;
        }

        int layer3 = WireFormat.EthernetSize;
        int tag = -1;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(room[12..]);
        if (type == WireFormat.TypeVlan && length >= layer3 + WireFormat.VlanTagSize)
        {
            type = BinaryPrimitives.ReadUInt16BigEndian(room[16..]);
            tag = BinaryPrimitives.ReadUInt16BigEndian(room[14..]);
            layer3 += WireFormat.VlanTagSize;
        }

        var sender = MacAddress.Read(room[WireFormat.EthernetSource..]);
        int answered = type switch
        {
            WireFormat.TypeArp => _echo.AnswerArp(room[layer3..length]),
            WireFormat.TypeIPv4 => AnswerIPv4(room[layer3..], length - layer3, tag, ref sender),
            WireFormat.TypeIPv6 => AnswerIPv6(room[layer3..], length - layer3, tag, ref sender),
            _ => 0,
        };
        if (answered == 0)
        {
            return 0;
        }

        sender.Write(room);
        _mac.Write(room[WireFormat.EthernetSource..]);
        int total = layer3 + answered;
        if (total < WireFormat.EthernetMin)
        {
            room[total..WireFormat.EthernetMin].Clear();
            total = WireFormat.EthernetMin;
        }

        return total;
    }

    private int AnswerIPv4(Span<byte> room, int available, int tag, ref MacAddress destination)
    {
        if (available < WireFormat.IPv4Size || room[0] >> 4 != 4)
        {
            return 0;
        }

        int headerSize = (room[0] & 15) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(room[2..]);
        bool fragment = (BinaryPrimitives.ReadUInt16BigEndian(room[6..]) & 0x3fff) != 0;
        if (headerSize < WireFormat.IPv4Size || length < headerSize || length > available
            || PacketChecksum.Compute(room[..headerSize]) != 0)
        {
            return 0;
        }

        if (fragment)
        {
            Fragments.AddIPv4(room[..length], headerSize, destination, tag);
            return 0;
        }

        if (room[9] == WireFormat.ProtocolIcmp)
        {
            return _echo.AnswerIcmp(room[..length], headerSize);
        }

        return _dhcp is not null && IsDhcp(room, headerSize, length) ? _dhcp.Answer(room, headerSize, length, _mac, out destination) : 0;
    }

    private static bool IsDhcp(ReadOnlySpan<byte> packet, int headerSize, int length)
    {
        if (packet[9] != WireFormat.ProtocolUdp || length < headerSize + WireFormat.UdpSize)
        {
            return false;
        }

        ReadOnlySpan<byte> udp = packet[headerSize..length];
        int udpLength = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        if (BinaryPrimitives.ReadUInt16BigEndian(udp[2..]) != DhcpServer.ServerPort || udpLength < WireFormat.UdpSize || udpLength > udp.Length)
        {
            return false;
        }

        ulong sum = PacketChecksum.AddPseudoHeader(0, packet.Slice(12, 8), WireFormat.ProtocolUdp, udpLength);
        return BinaryPrimitives.ReadUInt16BigEndian(udp[6..]) == 0 || PacketChecksum.Finish(PacketChecksum.Add(sum, udp[..udpLength])) == 0;
    }

    private int AnswerIPv6(Span<byte> room, int available, int tag, ref MacAddress destination)
    {
        if (available < WireFormat.IPv6Size || room[0] >> 4 != 6)
        {
            return 0;
        }

        int length = WireFormat.IPv6Size + BinaryPrimitives.ReadUInt16BigEndian(room[4..]);
        if (length > available || room[6] != WireFormat.ProtocolIcmpV6)
        {
            if (length <= available && room[6] == WireFormat.ProtocolFragment)
            {
                Fragments.AddIPv6(room[..length], destination, tag);
            }

            return 0;
        }

        int answered = _echo.AnswerIcmpV6(room, length);
        if (answered > 0 && room[24] == 0xff)
        {
            // The answer to a duplicate address probe goes to all nodes (RFC 2464 section 7).
            destination = new MacAddress(0x3333_0000_0000UL | BinaryPrimitives.ReadUInt32BigEndian(room[36..]));
        }

        return answered;
    }
}
