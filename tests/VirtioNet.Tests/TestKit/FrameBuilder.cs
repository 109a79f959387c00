using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>Builds Ethernet frames with TCP or UDP for tests: VLAN tags, IPv4 options, IPv6 extension headers, with a finished or a partial checksum.</summary>
internal sealed record FrameBuilder
{
    public byte[] Destination { get; init; } = [2, 0, 0, 0, 0, 2];

    public byte[] Source { get; init; } = [2, 0, 0, 0, 0, 1];

    /// <summary>Tags from the outside in, as (EtherType, TCI).</summary>
    public (ushort Type, ushort Tci)[] Tags { get; init; } = [];

    public bool IPv6 { get; init; }

    public bool Tcp { get; init; }

    /// <summary>IPv4 options or IPv6 destination options, in units of 4 or 8 bytes.</summary>
    public int Options { get; init; }

    public byte[] SourceAddress { get; init; } = [10, 1, 0, 1];

    public byte[] DestinationAddress { get; init; } = [10, 1, 0, 2];

    /// <summary>TCP options in units of 4 bytes.</summary>
    public int TcpOptions { get; init; } = 3;

    public byte TcpFlags { get; init; } = 0x10;

    public uint Sequence { get; init; } = 0xfffff000;

    public ushort Identification { get; init; } = 0xfffe;

    public ushort DestinationPort { get; init; } = 4000;

    public byte[] Payload { get; init; } = [];

    public int NetworkOffset => 14 + (4 * Tags.Length);

    public int TransportOffset => NetworkOffset + (IPv6 ? 40 + (8 * Options) : 20 + (4 * Options));

    public int PayloadOffset => TransportOffset + (Tcp ? 20 + (4 * TcpOptions) : 8);

    public int ChecksumOffset => Tcp ? 16 : 6;

    /// <summary>The frame with its transport checksum left to hardware, as a guest's driver hands it over.</summary>
    public byte[] Partial() => Build(finished: false);

    /// <summary>The complete frame.</summary>
    public byte[] Finished() => Build(finished: true);

    /// <summary>The header that goes with <see cref="Partial"/>.</summary>
    public VirtioNetHeader Header(ushort gsoSize = 0, bool ecn = false)
    {
        byte type = VirtioNetHeader.GSO_NONE;
        if (gsoSize != 0)
        {
            type = !Tcp ? VirtioNetHeader.GSO_UDP_L4 : IPv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
            type |= ecn ? VirtioNetHeader.GSO_ECN : (byte)0;
        }

        return new VirtioNetHeader
        {
            Flags = VirtioNetHeader.F_NEEDS_CSUM,
            GsoType = type,
            GsoSize = gsoSize,
            HdrLen = (ushort)PayloadOffset,
            CsumStart = (ushort)TransportOffset,
            CsumOffset = (ushort)ChecksumOffset,
        };
    }

    private byte[] Build(bool finished)
    {
        byte[] frame = new byte[PayloadOffset + Payload.Length];
        Destination.CopyTo(frame, 0);
        Source.CopyTo(frame, 6);
        int at = 12;
        foreach ((ushort type, ushort tci) in Tags)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), type);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at + 2), tci);
            at += 4;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), (ushort)(IPv6 ? ETH_P_IPV6 : ETH_P_IP));
        WriteNetwork(frame.AsSpan(NetworkOffset));
        WriteTransport(frame.AsSpan(TransportOffset));
        Payload.CopyTo(frame, PayloadOffset);
        ushort pseudo = SlowChecksum.Pseudo(IPv6, SourceAddress, DestinationAddress, Tcp ? (byte)6 : (byte)17, frame.Length - TransportOffset);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(TransportOffset + ChecksumOffset), pseudo);
        if (finished)
        {
            ushort sum = (ushort)~SlowChecksum.Sum(frame.AsSpan(TransportOffset));
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(TransportOffset + ChecksumOffset), sum == 0 && !Tcp ? (ushort)0xffff : sum);
        }

        return frame;
    }

    private void WriteNetwork(Span<byte> at)
    {
        byte protocol = Tcp ? (byte)6 : (byte)17;
        int transportLength = PayloadOffset - TransportOffset + Payload.Length;
        if (IPv6)
        {
            at[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(at[4..], (ushort)((8 * Options) + transportLength));
            at[6] = Options > 0 ? (byte)60 : protocol;
            at[7] = 64;
            SourceAddress.CopyTo(at[8..]);
            DestinationAddress.CopyTo(at[24..]);
            if (Options > 0)
            {
                // One destination options header that is all padding (PadN).
                at[40] = protocol;
                at[41] = (byte)(Options - 1);
                at[42] = 1;
                at[43] = (byte)((8 * Options) - 4);
            }

            return;
        }

        int header = 20 + (4 * Options);
        at[0] = (byte)(0x40 | (header / 4));
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], (ushort)(header + transportLength));
        BinaryPrimitives.WriteUInt16BigEndian(at[4..], Identification);
        BinaryPrimitives.WriteUInt16BigEndian(at[6..], 0x4000);
        at[8] = 64;
        at[9] = protocol;
        SourceAddress.CopyTo(at[12..]);
        DestinationAddress.CopyTo(at[16..]);
        at[20..header].Fill(1);
        BinaryPrimitives.WriteUInt16BigEndian(at[10..], (ushort)~SlowChecksum.Sum(at[..header]));
    }

    private void WriteTransport(Span<byte> at)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, 3000);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], DestinationPort);
        if (!Tcp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(at[4..], (ushort)(8 + Payload.Length));
            return;
        }

        BinaryPrimitives.WriteUInt32BigEndian(at[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(at[8..], 0x01020304);
        at[12] = (byte)((5 + TcpOptions) << 4);
        at[13] = TcpFlags;
        BinaryPrimitives.WriteUInt16BigEndian(at[14..], 0x2000);
        at[20..(20 + (4 * TcpOptions))].Fill(1);
    }
}
