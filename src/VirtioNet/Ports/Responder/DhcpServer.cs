using System.Buffers.Binary;
using System.Net;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>A small DHCPv4 server (RFC 2131, options of RFC 2132): turns a request into its answer, in the frame's own bytes. Not thread-safe.</summary>
internal sealed class DhcpServer
{
    /// <summary>UDP port of servers.</summary>
    public const ushort ServerPort = 67;

    private const ushort ClientPort = 68;
    private const int OptionsStart = 240;
    private const int PayloadMin = 300;

    /// <summary>Most bytes of a reply above Ethernet.</summary>
    public const int ReplyMax = WireFormat.IPv4Size + WireFormat.UdpSize + 548;

    private const uint MagicCookie = 0x6382_5363;
    private const byte Discover = 1, Offer = 2, Request = 3, Decline = 4, Ack = 5, Nak = 6, Release = 7, Inform = 8;

    private readonly LeaseTable _leases;
    private readonly uint _server;
    private readonly byte[] _configuration;
    private readonly byte[] _leaseTime;

    /// <summary>Which client has which address.</summary>
    public LeaseTable Leases => _leases;

    /// <summary>Creates a server.</summary>
    /// <param name="server">Its address and network.</param>
    /// <param name="options">What it hands out.</param>
    /// <param name="clock">What leases are measured by.</param>
    /// <exception cref="ArgumentException">The lease range lies outside the server's network, or there are too many name servers.</exception>
    public DhcpServer(InterfaceAddress server, ResponderOptions options, AioClock clock)
    {
        _server = WireAddress.ToNumber(server.Address);
        uint mask = server.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - server.PrefixLength);
        uint first = WireAddress.ToNumber(options.LeaseStart);
        if (((first ^ _server) & mask) != 0)
        {
            throw new ArgumentException($"the lease start {options.LeaseStart} lies outside the responder's network {server}", nameof(options));
        }

        if (options.LeaseCount is < 1 or > 4096)
        {
            throw new ArgumentException($"lease count {options.LeaseCount} is not between 1 and 4096", nameof(options));
        }

        if (options.Dns.Count > ResponderOptions.DnsMax)
        {
            throw new ArgumentException($"dns names {options.Dns.Count} name servers; a DHCP answer has room for {ResponderOptions.DnsMax}", nameof(options));
        }

        uint leaseSeconds = (uint)Math.Clamp(options.LeaseTime.TotalSeconds, 60, uint.MaxValue);

        // All ones stand for ever (RFC 2131 section 3.3).
        long leaseNs = leaseSeconds == uint.MaxValue ? long.MaxValue : leaseSeconds * 1_000_000_000L;
        uint lastHost = (_server | ~mask) - (server.PrefixLength < 31 ? 1u : 0u);
        _leases = new LeaseTable(first, (int)Math.Min((uint)options.LeaseCount, lastHost - first + 1), leaseNs, clock, _server);

        IReadOnlyList<IPAddress> dns = options.Dns.Count > 0 ? options.Dns : [server.Address];
        var configuration = new List<byte>();
        AddOption(configuration, 1, mask);
        AddOption(configuration, 3, WireAddress.ToNumber(options.Router ?? server.Address));
        AddOption(configuration, 6, [.. dns.Select(WireAddress.ToNumber)]);
        if (options.Mtu > 0)
        {
            configuration.AddRange([26, 2, (byte)(options.Mtu >> 8), (byte)options.Mtu]);
        }

        _configuration = [.. configuration];
        var leaseTime = new List<byte>();
        AddOption(leaseTime, 51, leaseSeconds);
        _leaseTime = [.. leaseTime];
    }

    /// <summary>Answers a request that starts at the IPv4 header of <paramref name="room"/>; the headers were checked.</summary>
    /// <param name="room">The packet, with room for <see cref="ReplyMax"/> bytes.</param>
    /// <param name="headerSize">Bytes of the IPv4 header.</param>
    /// <param name="length">Bytes of the IPv4 packet.</param>
    /// <param name="mac">The responder's address.</param>
    /// <param name="destination">The Ethernet address for the answer.</param>
    /// <returns>The length of the reply above Ethernet; 0 when there is none.</returns>
    public int Answer(Span<byte> room, int headerSize, int length, MacAddress mac, out MacAddress destination)
    {
        destination = MacAddress.Broadcast;
        Span<byte> bootp = room[(headerSize + WireFormat.UdpSize)..length];

        // BOOTREQUEST over Ethernet with the magic cookie.
        if (bootp.Length < OptionsStart || bootp[0] != 1 || bootp[1] != 1 || bootp[2] != MacAddress.Size
            || BinaryPrimitives.ReadUInt32BigEndian(bootp[236..]) != MagicCookie)
        {
            return 0;
        }

        var client = MacAddress.Read(bootp[28..]);
        if (client == mac)
        {
            return 0;
        }

        DhcpRequest request = DhcpRequest.Read(bootp);
        byte answer = Decide(request, client, out uint address);
        return answer == 0 ? 0 : Write(room, headerSize, request, answer, address, client, out destination);
    }

    private byte Decide(in DhcpRequest request, MacAddress client, out uint address)
    {
        address = 0;
        switch (request.Type)
        {
            case Discover:
                address = _leases.Offer(client, request.Requested);
                return address == 0 ? (byte)0 : Offer;
            case Request when request.Server != 0 && request.Server != _server:
                // The client took another server's offer.
                _leases.Release(client);
                return 0;
            case Request:
                address = request.Requested != 0 ? request.Requested : request.ClientAddress;
                return _leases.TryBind(client, address) ? Ack : Nak;
            case Inform:
                return Ack;
            case Release:
                _leases.Release(client);
                return 0;
            case Decline:
                _leases.Decline(client, request.Requested);
                return 0;
            default:
                return 0;
        }
    }

    private int Write(Span<byte> room, int headerSize, in DhcpRequest request, byte answer, uint address, MacAddress client, out MacAddress destination)
    {
        bool inform = request.Type == Inform;
        bool broadcast = answer == Nak || (request.ClientAddress == 0 && request.WantsBroadcast);
        uint target = broadcast ? uint.MaxValue : inform || request.ClientAddress != 0 ? request.ClientAddress : address;
        destination = broadcast ? MacAddress.Broadcast : client;

        // The fixed fields move up when the request's IPv4 header had options; the answer's has none.
        room.Slice(headerSize + WireFormat.UdpSize, OptionsStart).CopyTo(room[(WireFormat.IPv4Size + WireFormat.UdpSize)..]);
        Span<byte> bootp = room[(WireFormat.IPv4Size + WireFormat.UdpSize)..];
        bootp[0] = 2;
        bootp[3] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(bootp[8..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(bootp[16..], answer == Nak || inform ? 0 : address);
        BinaryPrimitives.WriteUInt32BigEndian(bootp[20..], answer == Nak ? 0 : _server);
        if (answer == Nak)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bootp[12..], 0);
        }

        // Server name and boot file stay empty.
        bootp[44..236].Clear();
        int end = WriteOptions(bootp, answer, inform);
        int payload = Math.Max(end, PayloadMin);
        bootp[end..payload].Clear();
        WriteHeaders(room, _server, target, payload);
        return WireFormat.IPv4Size + WireFormat.UdpSize + payload;
    }

    private int WriteOptions(Span<byte> bootp, byte answer, bool inform)
    {
        int at = OptionsStart;
        bootp[at++] = 53;
        bootp[at++] = 1;
        bootp[at++] = answer;
        bootp[at++] = 54;
        bootp[at++] = 4;
        BinaryPrimitives.WriteUInt32BigEndian(bootp[at..], _server);
        at += 4;
        if (answer != Nak)
        {
            _configuration.CopyTo(bootp[at..]);
            at += _configuration.Length;
            if (!inform)
            {
                _leaseTime.CopyTo(bootp[at..]);
                at += _leaseTime.Length;
            }
        }

        bootp[at++] = 255;
        return at;
    }

    private static void WriteHeaders(Span<byte> packet, uint source, uint target, int payload)
    {
        int udpLength = WireFormat.UdpSize + payload;
        packet[..WireFormat.IPv4Size].Clear();
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)(WireFormat.IPv4Size + udpLength));
        packet[8] = WireFormat.DefaultTtl;
        packet[9] = WireFormat.ProtocolUdp;
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], source);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], target);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], PacketChecksum.Compute(packet[..WireFormat.IPv4Size]));

        Span<byte> udp = packet.Slice(WireFormat.IPv4Size, udpLength);
        BinaryPrimitives.WriteUInt16BigEndian(udp, ServerPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], ClientPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udpLength);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], 0);
        ulong sum = PacketChecksum.AddPseudoHeader(0, packet.Slice(12, 8), WireFormat.ProtocolUdp, udpLength);
        ushort checksum = PacketChecksum.Finish(PacketChecksum.Add(sum, udp));
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], checksum == 0 ? (ushort)0xffff : checksum);
    }

    private static void AddOption(List<byte> options, byte code, params ReadOnlySpan<uint> values)
    {
        // The length is one byte.
        values = values[..Math.Min(values.Length, byte.MaxValue / 4)];
        options.Add(code);
        options.Add((byte)(values.Length * 4));
        Span<byte> bytes = stackalloc byte[4];
        foreach (uint value in values)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
            options.AddRange(bytes);
        }
    }
}
