using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>Compares a good frame that arrived, or a segment of one, with what was sent; checksums are taken anew, slowly.</summary>
internal readonly ref struct ArrivalCheck
{
    private readonly string _name;
    private readonly SentFrame _sent;
    private readonly VirtioNetHeader _header;
    private readonly ReadOnlySpan<byte> _packet;
    private readonly int _network;

    public ArrivalCheck(string name, SentFrame sent, ReceivedFrame received, int network)
    {
        _name = name;
        _sent = sent;
        _header = received.Header;
        _network = network;
        _packet = received.Bytes.AsSpan(network);
    }

    private FrameBuilder Template => _sent.Template;

    private int Transport => Template.TransportOffset - Template.NetworkOffset;

    private int Payload => Template.PayloadOffset - Template.NetworkOffset;

    /// <exception cref="FuzzException">Something is not as it should be.</exception>
    public void Check()
    {
        CheckChecksum();
        ReadOnlySpan<byte> sent = _sent.Bytes.AsSpan(Template.NetworkOffset);
        int number = 0;
        if (_packet.Length == sent.Length)
        {
            CheckWhole(sent);
        }
        else if (_sent.Header.GsoSize != 0 && _header.GsoType == VirtioNetHeader.GSO_NONE)
        {
            number = CheckSegment(sent);
        }
        else
        {
            throw Wrong($"{_packet.Length} bytes of {sent.Length} arrived");
        }

        // UDP over IPv6 does not say which segment it is, and several may have the same bytes.
        bool isNumbered = Template.Tcp || !Template.IPv6 || _packet.Length == sent.Length;
        if (!_sent.Arrive(_name, number) && isNumbered)
        {
            throw Wrong($"segment {number} came twice");
        }
    }

    private void CheckChecksum()
    {
        if (_packet.Length < Payload)
        {
            throw Wrong($"its headers were cut off behind {_packet.Length} bytes");
        }

        ReadOnlySpan<byte> transport = _packet[Transport..];
        ushort pseudo = SlowChecksum.Pseudo(Template.IPv6, Template.SourceAddress, Template.DestinationAddress, Template.Tcp ? (byte)6 : (byte)17, transport.Length);
        if ((_header.Flags & VirtioNetHeader.F_NEEDS_CSUM) == 0)
        {
            if (SlowChecksum.Sum(transport, pseudo) != 0xffff)
            {
                throw Wrong("its checksum is wrong");
            }

            return;
        }

        if (_header.CsumStart != _network + Transport || _header.CsumOffset != Template.ChecksumOffset)
        {
            throw Wrong($"its checksum is said to be at {_header.CsumStart} + {_header.CsumOffset}");
        }

        // 0 and 0xffff are the same number there.
        ushort stored = BinaryPrimitives.ReadUInt16BigEndian(transport[Template.ChecksumOffset..]);
        if (stored % 0xffff != pseudo % 0xffff)
        {
            throw Wrong($"its pseudo header's sum is {stored:x4} instead of {pseudo:x4}");
        }
    }

    private void CheckWhole(ReadOnlySpan<byte> sent)
    {
        if (_header.GsoType != VirtioNetHeader.GSO_NONE && (_header.GsoType != _sent.Header.GsoType || _header.GsoSize != _sent.Header.GsoSize))
        {
            throw Wrong($"it was sent with gso_type {_sent.Header.GsoType} and gso_size {_sent.Header.GsoSize}, and came with {_header.GsoType} and {_header.GsoSize}");
        }

        int checksum = Transport + Template.ChecksumOffset;
        if (!_packet[..checksum].SequenceEqual(sent[..checksum]) || !_packet[(checksum + 2)..].SequenceEqual(sent[(checksum + 2)..]))
        {
            throw Wrong("its content changed");
        }
    }

    /// <summary>Returns its number.</summary>
    private int CheckSegment(ReadOnlySpan<byte> sent)
    {
        int size = _sent.Header.GsoSize;
        ReadOnlySpan<byte> whole = sent[Payload..];
        ReadOnlySpan<byte> part = _packet[Payload..];
        int number = NumberOf(whole, part, size);
        if (number < 0 || (long)number * size >= whole.Length || !Slice(whole, number, size).SequenceEqual(part))
        {
            throw Wrong($"a segment's {part.Length} bytes are not what was sent as segment {number} of {size}");
        }

        CheckLengths();
        if (!Template.IPv6)
        {
            CheckIPv4(number);
        }

        if (Template.Tcp)
        {
            CheckTcp(number, isLast: (number + 1) * size >= whole.Length);
        }

        return number;
    }

    /// <summary>Which segment it is by its own account. UDP over IPv6 gives none, so there it is one that has such bytes.</summary>
    private int NumberOf(ReadOnlySpan<byte> whole, ReadOnlySpan<byte> part, int size)
    {
        if (Template.Tcp)
        {
            return (int)((BinaryPrimitives.ReadUInt32BigEndian(_packet[(Transport + 4)..]) - Template.Sequence) / (uint)size);
        }

        if (!Template.IPv6)
        {
            return (ushort)(BinaryPrimitives.ReadUInt16BigEndian(_packet[4..]) - Template.Identification);
        }

        for (int number = 0; number * size < whole.Length; number++)
        {
            if (Slice(whole, number, size).SequenceEqual(part))
            {
                return number;
            }
        }

        return -1;
    }

    private void CheckLengths()
    {
        int network = Template.IPv6 ? BinaryPrimitives.ReadUInt16BigEndian(_packet[4..]) + 40 : BinaryPrimitives.ReadUInt16BigEndian(_packet[2..]);
        int datagram = Template.Tcp ? _packet.Length - Transport : BinaryPrimitives.ReadUInt16BigEndian(_packet[(Transport + 4)..]);
        if (network != _packet.Length || datagram != _packet.Length - Transport)
        {
            throw Wrong($"a segment of {_packet.Length} bytes says that it has {network}, of which {datagram} are UDP");
        }
    }

    private void CheckIPv4(int number)
    {
        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(_packet[4..]);
        if (SlowChecksum.Sum(_packet[..Transport]) != 0xffff || identification != (ushort)(Template.Identification + number))
        {
            throw Wrong($"segment {number} has identification {identification} or a wrong header checksum");
        }
    }

    private void CheckTcp(int number, bool isLast)
    {
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(_packet[(Transport + 4)..]);
        byte flags = _packet[Transport + 13];
        int expected = Template.TcpFlags & (number > 0 ? ~0x80 : 0xff) & (isLast ? 0xff : ~0x09);
        if (sequence != Template.Sequence + (uint)(number * _sent.Header.GsoSize) || flags != expected)
        {
            throw Wrong($"segment {number} has sequence {sequence} and flags 0x{flags:x2}");
        }
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> whole, int number, int size) => whole.Slice(number * size, Math.Min(size, whole.Length - (number * size)));

    private FuzzException Wrong(string what)
    {
        string kind = $"{(Template.IPv6 ? "IPv6" : "IPv4")}, {(Template.Tcp ? "TCP" : "UDP")}, {Template.Tags.Length} tags, gso_size {_sent.Header.GsoSize}";
        return new FuzzException($"{_name} got a good frame ({kind}, {_sent.Bytes.Length} bytes): {what}");
    }
}
