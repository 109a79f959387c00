using System.Buffers.Binary;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// Echo requests that come in fragments, and their answers, which leave in fragments of the MTU (RFC 791, RFC 8200). Only pieces of packets for our own
/// addresses are kept. Not thread-safe.
/// </summary>
internal sealed class FragmentedEcho(EchoResponder echo, MacAddress mac, int mtu, AioClock clock)
{
    private const int FragmentHeaderSize = 8;
    private const ushort MoreFragments = 0x2000;
    private const byte EchoRequestV6 = 128;

    private readonly Reassembly _reassembly = new(clock);
    private FragmentedDatagram? _answer;
    private int _sent;

    /// <summary>Fragments that were dropped.</summary>
    public ref FrameCounters Counters => ref _reassembly.Counters;

    /// <summary>Room that the answer's next frame needs; 0 when there is no answer, or all of it was taken.</summary>
    public int NextRoom => _answer is null ? 0 : Math.Max(WireFormat.EthernetMin, WireFormat.EthernetSize + WireFormat.VlanTagSize + mtu);

    /// <summary>Bytes of the IP header of a whole answer.</summary>
    private int HeaderSize => _answer!.Key.IsIPv6 ? WireFormat.IPv6Size : WireFormat.IPv4Size;

    /// <summary>Takes an IPv4 fragment whose header was checked.</summary>
    public void AddIPv4(ReadOnlySpan<byte> packet, int headerSize, MacAddress sender, int tag)
    {
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(packet[16..]);
        if (packet[9] != WireFormat.ProtocolIcmp || !echo.Owns(destination))
        {
            return;
        }

        ushort field = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]);
        var key = new FragmentKey(false, sender, tag, BinaryPrimitives.ReadUInt32BigEndian(packet[12..]), destination, BinaryPrimitives.ReadUInt16BigEndian(packet[4..]));
        if (_reassembly.Add(key, (field & 0x1fff) * 8, packet[headerSize..], (field & MoreFragments) == 0) is { } whole)
        {
            Span<byte> joined = whole.Packet(WireFormat.IPv4Size);
            WriteIPv4(joined, key, 0);
            Begin(whole, echo.AnswerIcmp(joined, WireFormat.IPv4Size));
        }
    }

    /// <summary>Takes an IPv6 packet that ends where <paramref name="packet"/> does and has a fragment header behind its own.</summary>
    public void AddIPv6(ReadOnlySpan<byte> packet, MacAddress sender, int tag)
    {
        UInt128 destination = BinaryPrimitives.ReadUInt128BigEndian(packet[24..]);
        if (packet.Length < WireFormat.IPv6Size + FragmentHeaderSize || packet[WireFormat.IPv6Size] != WireFormat.ProtocolIcmpV6 || !echo.Owns(destination))
        {
            return;
        }

        ReadOnlySpan<byte> fragment = packet[WireFormat.IPv6Size..];
        ushort field = BinaryPrimitives.ReadUInt16BigEndian(fragment[2..]);
        var key = new FragmentKey(true, sender, tag, BinaryPrimitives.ReadUInt128BigEndian(packet[8..]), destination, BinaryPrimitives.ReadUInt32BigEndian(fragment[4..]));
        if (_reassembly.Add(key, field & ~7, fragment[FragmentHeaderSize..], (field & 1) == 0) is { } whole)
        {
            Span<byte> joined = whole.Packet(WireFormat.IPv6Size);
            WriteIPv6(joined, key, WireFormat.ProtocolIcmpV6);

            // Neighbours are not asked in fragments (RFC 6980).
            Begin(whole, joined[WireFormat.IPv6Size] == EchoRequestV6 ? echo.AnswerIcmpV6(joined, joined.Length) : 0);
        }
    }

    /// <summary>Writes the answer's next frame.</summary>
    /// <param name="room">Room for <see cref="NextRoom"/> bytes.</param>
    /// <returns>The frame's length in bytes.</returns>
    public int Take(Span<byte> room)
    {
        FragmentedDatagram answer = _answer!;
        int headerSize = HeaderSize;
        ReadOnlySpan<byte> whole = answer.Packet(headerSize);
        int at = WriteLink(room, answer.Key);
        Span<byte> packet = room[at..];
        bool single = whole.Length <= mtu;
        int extra = single || !answer.Key.IsIPv6 ? 0 : FragmentHeaderSize;
        int left = answer.Length - _sent;
        int piece = single ? left : Math.Min(left, (mtu - headerSize - extra) & ~7);
        bool more = piece < left;
        whole[..headerSize].CopyTo(packet);
        packet = packet[..(headerSize + extra + piece)];
        if (answer.Key.IsIPv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(extra + piece));
            WriteFragmentHeader(packet, answer.Key.Id, extra, more);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
            BinaryPrimitives.WriteUInt16BigEndian(packet[6..], (ushort)((_sent / 8) | (more ? MoreFragments : 0)));
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], PacketChecksum.Compute(packet[..headerSize]));
        }

        whole.Slice(headerSize + _sent, piece).CopyTo(packet[(headerSize + extra)..]);
        _sent += piece;
        if (!more)
        {
            Abandon();
        }

        at += packet.Length;
        int length = Math.Max(at, WireFormat.EthernetMin);
        room[at..length].Clear();
        return length;
    }

    /// <summary>Throws away what is left of the answer.</summary>
    public void Abandon()
    {
        _answer?.End();
        _answer = null;
    }

    /// <summary>Forgets all fragments: they were another guest's.</summary>
    public void Clear()
    {
        Abandon();
        _reassembly.Clear();
    }

    private static void WriteIPv4(Span<byte> packet, in FragmentKey key, ushort field)
    {
        packet[..WireFormat.IPv4Size].Clear();
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)key.Id);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], field);
        packet[8] = WireFormat.DefaultTtl;
        packet[9] = WireFormat.ProtocolIcmp;
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], (uint)key.Source);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], (uint)key.Destination);
    }

    private static void WriteIPv6(Span<byte> packet, in FragmentKey key, byte next)
    {
        packet[..8].Clear();
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - WireFormat.IPv6Size));
        packet[6] = next;
        packet[7] = WireFormat.DefaultTtl;
        BinaryPrimitives.WriteUInt128BigEndian(packet[8..], key.Source);
        BinaryPrimitives.WriteUInt128BigEndian(packet[24..], key.Destination);
    }

    private void WriteFragmentHeader(Span<byte> packet, uint id, int extra, bool more)
    {
        if (extra > 0)
        {
            packet[6] = WireFormat.ProtocolFragment;
            Span<byte> header = packet[WireFormat.IPv6Size..];
            header[0] = WireFormat.ProtocolIcmpV6;
            header[1] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(_sent | (more ? 1 : 0)));
            BinaryPrimitives.WriteUInt32BigEndian(header[4..], id);
        }
    }

    private int WriteLink(Span<byte> room, in FragmentKey key)
    {
        key.Sender.Write(room);
        mac.Write(room[WireFormat.EthernetSource..]);
        int at = 2 * MacAddress.Size;
        if (key.Tag >= 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(room[at..], WireFormat.TypeVlan);
            BinaryPrimitives.WriteUInt16BigEndian(room[(at + 2)..], (ushort)key.Tag);
            at += WireFormat.VlanTagSize;
        }

        BinaryPrimitives.WriteUInt16BigEndian(room[at..], key.IsIPv6 ? WireFormat.TypeIPv6 : WireFormat.TypeIPv4);
        return at + sizeof(ushort);
    }

    private void Begin(FragmentedDatagram whole, int answered)
    {
        _answer = whole;
        _sent = 0;
        if (answered == 0)
        {
            Abandon();
        }
    }
}
