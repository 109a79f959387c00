using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// Looks at each frame before libslirp does, and lets it have only what its parsers were seen to be safe with: whole ARP, IPv4 and IPv6 packets whose lengths
/// agree, no fragment, no urgent data, no loopback address, none of the services that we don't offer. It reads the port's private copy of the frame, the very
/// bytes that the library is given, so that a guest can't change them in between.
/// </summary>
/// <remarks>
/// What the library (4.7.0) does otherwise: <c>ip_reass</c> walks off a list with a fragment that comes first and is the last; an urgent pointer beyond the
/// data makes <c>sosendoob</c> send, and then account for, bytes that are not there; a UDP length below 8 makes a length negative; NC-SI and TFTP have had
/// their share of faults and serve nobody here; a packet for 127.0.0.1 or ::ffff:127.0.0.1 reaches the host's loopback whatever the options say; an ICMPv6 echo
/// to the outside writes a line to standard error each time.
/// </remarks>
internal sealed class SlirpGuard
{
    private const int TcpSize = 20;
    private const int IcmpSize = 8;
    private const int IcmpV6Size = 4;
    private const int ArpSize = 28;
    private const byte ProtocolTcp = 6;
    private const byte NextHeaderFragment = 44;
    private const byte IcmpEchoRequest = 8;
    private const byte IcmpV6EchoRequest = 128;
    private const ushort DhcpServerPort = 67;
    private const ushort Dhcp6ServerPort = 547;
    private const ushort TftpServerPort = 69;
    private const uint BroadcastAddress = uint.MaxValue;

    /// <summary>All but "don't fragment": more fragments, an offset, or the bit that must be zero, which the library takes for one of them.</summary>
    private const ushort FragmentMask = 0xbfff;

    private const byte TcpFin = 0x01, TcpSyn = 0x02, TcpRst = 0x04, TcpAck = 0x10, TcpUrg = 0x20;

    /// <summary>ff02::1:2, to which DHCPv6 clients send.</summary>
    private static readonly UInt128 s_allDhcpAgents = ((UInt128)0xff02 << 112) + 0x1_0002;

    private readonly uint _host;
    private readonly uint _dns;
    private readonly UInt128 _host6;
    private readonly UInt128 _dns6;
    private readonly UInt128 _prefix6;
    private readonly UInt128 _mask6;

    /// <summary>Creates a guard for a network's addresses.</summary>
    public SlirpGuard(SlirpAddresses addresses, int prefixLength6)
    {
        _host = WireAddress.ToNetworkOrder(addresses.Host);
        _dns = WireAddress.ToNetworkOrder(addresses.Dns);
        _host6 = Number(addresses.Host6);
        _dns6 = Number(addresses.Dns6);
        _mask6 = UInt128.MaxValue << (128 - prefixLength6);
        _prefix6 = Number(addresses.Prefix6) & _mask6;
    }

    /// <summary>Judges a frame, and takes urgent marks out of it.</summary>
    /// <param name="frame">The port's own copy of the frame.</param>
    /// <param name="flow">The flow that it belongs to or would begin.</param>
    /// <param name="toLoopback">True when it is for the host's loopback, by way of the gateway.</param>
    public SlirpVerdict Judge(Span<byte> frame, out SlirpFlow flow, out bool toLoopback)
    {
        flow = default;
        toLoopback = false;
        if (frame.Length < WireFormat.EthernetSize)
        {
            return SlirpVerdict.Refuse;
        }

        Span<byte> packet = frame[WireFormat.EthernetSize..];
        return BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            WireFormat.TypeArp => packet.Length < ArpSize ? SlirpVerdict.Refuse : SlirpVerdict.Pass,
            WireFormat.TypeIPv4 => JudgeIPv4(packet, ref flow, ref toLoopback),
            WireFormat.TypeIPv6 => JudgeIPv6(packet, ref flow, ref toLoopback),
            _ => SlirpVerdict.Ignore,
        };
    }

    private static UInt128 Number(IPAddress address)
    {
        System.Diagnostics.Debug.Assert(address.AddressFamily == AddressFamily.InterNetworkV6);
        return BinaryPrimitives.ReadUInt128BigEndian(address.GetAddressBytes());
    }

    private SlirpVerdict JudgeIPv4(Span<byte> packet, ref SlirpFlow flow, ref bool toLoopback)
    {
        if (packet.Length < WireFormat.IPv4Size || packet[0] >> 4 != 4)
        {
            return SlirpVerdict.Refuse;
        }

        int headerSize = (packet[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (headerSize < WireFormat.IPv4Size || total < headerSize || total > packet.Length
            || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & FragmentMask) != 0)
        {
            return SlirpVerdict.Refuse;
        }

        Span<byte> payload = packet[headerSize..total];
        uint source = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]);
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(packet[16..]);
        if (destination >> 24 is 0 or 127)
        {
            // No such packet is ever on a wire, and the library would connect to the host's own loopback.
            return SlirpVerdict.Refuse;
        }

        bool local = destination == _host || destination == BroadcastAddress;
        switch (packet[9])
        {
            case ProtocolTcp:
                toLoopback = local;
                return JudgeTcp(payload, source, destination, ref flow);
            case WireFormat.ProtocolUdp when HasSoundUdp(payload, out ushort from, out ushort to):
                if (local && to is DhcpServerPort or TftpServerPort)
                {
                    return to == DhcpServerPort ? SlirpVerdict.Pass : SlirpVerdict.Ignore;
                }

                toLoopback = local;
                flow = new SlirpFlow(SlirpFlowKind.Udp4, source, from, destination, to);
                return SlirpVerdict.Pass;
            case WireFormat.ProtocolUdp:
                return SlirpVerdict.Refuse;
            case WireFormat.ProtocolIcmp:
                bool outside = payload.Length >= IcmpSize && payload[0] == IcmpEchoRequest && destination != _host && destination != _dns;
                flow = outside ? new SlirpFlow(SlirpFlowKind.Ping, source, 0, destination) : default;
                return payload.Length < IcmpSize ? SlirpVerdict.Refuse : SlirpVerdict.Pass;
            default:
                return SlirpVerdict.Ignore;
        }
    }

    private SlirpVerdict JudgeIPv6(Span<byte> packet, ref SlirpFlow flow, ref bool toLoopback)
    {
        if (packet.Length < WireFormat.IPv6Size || packet[0] >> 4 != 6)
        {
            return SlirpVerdict.Refuse;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (length > packet.Length - WireFormat.IPv6Size)
        {
            return SlirpVerdict.Refuse;
        }

        Span<byte> payload = packet.Slice(WireFormat.IPv6Size, length);
        UInt128 source = BinaryPrimitives.ReadUInt128BigEndian(packet[8..]);
        UInt128 destination = BinaryPrimitives.ReadUInt128BigEndian(packet[24..]);
        if (destination >> 48 == UInt128.Zero)
        {
            // ::1, ::, and IPv4 addresses in IPv6 ones, which lead to the loopback of both.
            return SlirpVerdict.Refuse;
        }

        bool local = (destination & _mask6) == _prefix6 && destination != _dns6;
        switch (packet[6])
        {
            case ProtocolTcp:
                toLoopback = local;
                return JudgeTcp(payload, source, destination, ref flow);
            case WireFormat.ProtocolUdp when HasSoundUdp(payload, out ushort from, out ushort to):
                if ((to is Dhcp6ServerPort or TftpServerPort && destination == _host6) || (to == Dhcp6ServerPort && destination == s_allDhcpAgents))
                {
                    return to == TftpServerPort ? SlirpVerdict.Ignore : SlirpVerdict.Pass;
                }

                toLoopback = local;
                flow = new SlirpFlow(SlirpFlowKind.Udp6, source, from, destination, to);
                return SlirpVerdict.Pass;
            case WireFormat.ProtocolUdp or NextHeaderFragment:
                return SlirpVerdict.Refuse;
            case WireFormat.ProtocolIcmpV6:
                return payload.Length < IcmpV6Size ? SlirpVerdict.Refuse
                    : payload[0] == IcmpV6EchoRequest && !IsOurs(destination) ? SlirpVerdict.Ignore
                    : SlirpVerdict.Pass;
            default:
                return SlirpVerdict.Ignore;
        }
    }

    /// <summary>The addresses that the library answers pings for: the gateway's and the name server's, global and link-local.</summary>
    private bool IsOurs(UInt128 address)
    {
        UInt128 linkLocal = (UInt128)0xfe80 << 112;
        return address == _host6 || address == _dns6 || address == linkLocal + 2 || address == linkLocal + 3;
    }

    private static SlirpVerdict JudgeTcp(Span<byte> segment, UInt128 source, UInt128 destination, ref SlirpFlow flow)
    {
        if (segment.Length < TcpSize)
        {
            return SlirpVerdict.Refuse;
        }

        int offset = (segment[12] >> 4) * 4;
        if (offset < TcpSize || offset > segment.Length)
        {
            return SlirpVerdict.Refuse;
        }

        byte flags = segment[13];
        if ((flags & TcpUrg) != 0)
        {
            // Urgent data stay where they are in the stream and lose their mark, as with every receiver that reads them in line.
            RemoveUrgent(segment);
            flags &= unchecked((byte)~TcpUrg);
        }

        bool opens = (flags & (TcpSyn | TcpFin | TcpRst | TcpAck)) == TcpSyn;
        flow = new SlirpFlow(
            opens ? SlirpFlowKind.TcpOpen : SlirpFlowKind.TcpSegment,
            source,
            BinaryPrimitives.ReadUInt16BigEndian(segment),
            destination,
            BinaryPrimitives.ReadUInt16BigEndian(segment[2..]));
        return SlirpVerdict.Pass;
    }

    private static void RemoveUrgent(Span<byte> segment)
    {
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(segment[16..]);
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(segment[12..]);
        ushort pointer = BinaryPrimitives.ReadUInt16BigEndian(segment[18..]);
        ushort cleared = (ushort)(flags & ~TcpUrg);
        checksum = PacketChecksum.Update(PacketChecksum.Update(checksum, flags, cleared), pointer, 0);
        BinaryPrimitives.WriteUInt16BigEndian(segment[12..], cleared);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], checksum);
        BinaryPrimitives.WriteUInt16BigEndian(segment[18..], 0);
    }

    private static bool HasSoundUdp(ReadOnlySpan<byte> datagram, out ushort from, out ushort to)
    {
        from = to = 0;
        if (datagram.Length < WireFormat.UdpSize)
        {
            return false;
        }

        from = BinaryPrimitives.ReadUInt16BigEndian(datagram);
        to = BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]);
        int length = BinaryPrimitives.ReadUInt16BigEndian(datagram[4..]);
        return length >= WireFormat.UdpSize && length <= datagram.Length;
    }
}
