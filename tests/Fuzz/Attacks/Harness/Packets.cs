using System.Buffers.Binary;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>Frames that attackers send.</summary>
internal static class Packets
{
    public static readonly byte[] Everybody = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

    /// <summary>The attacker's own addresses, as `user` and `responder` give them.</summary>
    public static readonly byte[] Mac = [0x52, 0x54, 0, 0, 0, 0xaa];
    public static readonly byte[] Address = [10, 0, 2, 15];
    public static readonly byte[] Gateway = [10, 0, 2, 2];

    /// <summary>The address behind which libslirp's own stack answers.</summary>
    private static readonly byte[] s_gatewayMac = [0x52, 0x55, 10, 0, 2, 2];

    /// <summary>A broadcast that says nothing, of the smallest size.</summary>
    public static byte[] Broadcast()
    {
        byte[] frame = new byte[60];
        Everybody.CopyTo(frame, 0);
        Mac.CopyTo(frame, 6);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x88b5);
        return frame;
    }

    /// <summary>A TCP segment to the user port's network.</summary>
    public static byte[] Tcp(byte[] destination, ushort source, ushort port, byte flags, uint sequence = 1, uint acknowledged = 0)
    {
        FrameBuilder builder = ToUser(destination, port) with { Tcp = true, TcpOptions = 0, TcpFlags = flags, Sequence = sequence };
        return Rewrite(builder, source, acknowledged);
    }

    /// <summary>A UDP datagram to the user port's network.</summary>
    public static byte[] Udp(byte[] destination, ushort source, ushort port) => Rewrite(ToUser(destination, port) with { Payload = new byte[18] }, source, 0);

    /// <summary>An ARP request by which others learn who the attacker is.</summary>
    public static byte[] WhoHas(byte[] address)
    {
        byte[] frame = Broadcast();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0806);
        ((ReadOnlySpan<byte>)[0, 1, 8, 0, 6, 4, 0, 1]).CopyTo(frame.AsSpan(14));
        Mac.CopyTo(frame, 22);
        Address.CopyTo(frame, 28);
        address.CopyTo(frame, 38);
        return frame;
    }

    private static FrameBuilder ToUser(byte[] destination, ushort port) =>
        new() { Destination = s_gatewayMac, Source = Mac, SourceAddress = Address, DestinationAddress = destination, DestinationPort = port };

    /// <summary>The builder's source port and acknowledgement are fixed: they are replaced here, and so is the checksum.</summary>
    private static byte[] Rewrite(FrameBuilder builder, ushort source, uint acknowledged)
    {
        byte[] frame = builder.Partial();
        Span<byte> transport = frame.AsSpan(builder.TransportOffset);
        BinaryPrimitives.WriteUInt16BigEndian(transport, source);
        if (builder.Tcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[8..], acknowledged);
        }

        ushort sum = (ushort)~SlowChecksum.Sum(transport);
        BinaryPrimitives.WriteUInt16BigEndian(transport[builder.ChecksumOffset..], sum == 0 && !builder.Tcp ? (ushort)0xffff : sum);
        return frame;
    }
}
