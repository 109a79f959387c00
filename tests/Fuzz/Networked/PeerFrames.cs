using System.Buffers.Binary;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Networked;

/// <summary>Frames for those who read more than the Ethernet header: ARP, DHCP, ICMP, IPv4 with odd lengths and fragments, TCP and UDP, each with some bytes changed.</summary>
internal static class PeerFrames
{
    public static byte[] Any(Random random)
    {
        byte[] frame = random.Next(7) switch
        {
            0 => Packets.WhoHas(random.Pick(Packets.Gateway, Packets.Address, (byte[])[10, 0, 2, 3])),
            1 => Dhcp(random),
            2 => Icmp(random),
            3 => Packets.Tcp(Packets.Gateway, (ushort)random.Next(65536), (ushort)random.Pick(22, 53, 80, random.Next(65536)), (byte)random.Next(64), (uint)random.Any(), (uint)random.Any()),
            4 => Fragment(random),
            5 => Neighbour(random),
            _ => Packets.Udp(random.Pick(Packets.Gateway, (byte[])[10, 0, 2, 3], (byte[])[255, 255, 255, 255]), (ushort)random.Next(65536), (ushort)random.Pick(53, 67, 69, random.Next(65536))),
        };
        for (int changes = random.OneIn(2) ? random.Next(4) : 0; changes > 0; changes--)
        {
            frame[random.Next(12, Math.Min(frame.Length, 90))] = (byte)random.Any();
        }

        if (random.OneIn(3))
        {
            RepairHeader(frame);
        }

        return random.OneIn(10) ? frame[..random.Next(14, frame.Length + 1)] : frame;
    }

    private static byte[] Dhcp(Random random)
    {
        byte[] options = new byte[60];
        ((ReadOnlySpan<byte>)[99, 130, 83, 99, 53, 1, (byte)random.Pick(1, 3, 4, 7, 8), 55, 4, 1, 3, 6, 26]).CopyTo(options);
        for (int at = 13; at + 2 < options.Length;)
        {
            int length = random.Next(random.OneIn(8) ? 256 : 8);
            options[at++] = random.Pick<byte>(0, 12, 50, 54, 57, 61, 255, (byte)random.Next(256));
            options[at++] = (byte)length;
            at += length;
        }

        byte[] payload = new byte[236 + options.Length];
        ((ReadOnlySpan<byte>)[1, 1, 6, 0]).CopyTo(payload);
        Packets.Mac.CopyTo(payload, 28);
        payload[33] = (byte)random.Next(256);
        options.CopyTo(payload, 236);
        byte[] frame = new FrameBuilder
        {
            Destination = Packets.Everybody,
            Source = Packets.Mac,
            SourceAddress = [0, 0, 0, 0],
            DestinationAddress = [255, 255, 255, 255],
            DestinationPort = 67,
            Payload = payload,
        }.Finished();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 68);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), 0);
        return frame;
    }

    private static byte[] Icmp(Random random)
    {
        byte[] frame = Packets.Udp(Packets.Gateway, (ushort)random.Next(65536), 0);
        frame[23] = 1;
        frame[34] = random.Pick<byte>(8, 0, 3, 11);
        frame[35] = 0;
        RepairHeader(frame);
        return frame;
    }

    private static byte[] Fragment(Random random)
    {
        byte[] frame = Packets.Udp(Packets.Gateway, (ushort)random.Next(65536), 9);
        int offset = random.Pick(0, 1, 185, 0x1fff, random.Next(0x2000));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)random.Next(4));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), (ushort)(offset | (random.OneIn(2) ? 0x2000 : 0)));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)random.Pick(20, 28, 46, frame.Length - 14, random.Next(65536)));
        RepairHeader(frame);
        return frame;
    }

    private static byte[] Neighbour(Random random)
    {
        byte[] frame = new byte[14 + 40 + 32];
        ((ReadOnlySpan<byte>)[0x33, 0x33, 0xff, 0, 0, 2]).CopyTo(frame);
        Packets.Mac.CopyTo(frame, 6);
        ((ReadOnlySpan<byte>)[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, random.Pick<byte>(58, 58, 0, 44, 60), 255, 0xfe, 0x80]).CopyTo(frame.AsSpan(12));
        frame[54] = random.Pick<byte>(133, 135, 136, 128);
        frame[78] = random.Pick<byte>(1, 0, 255);
        frame[79] = random.Pick<byte>(1, 0, 255);
        return frame;
    }

    private static void RepairHeader(byte[] frame)
    {
        if (frame.Length >= 34 && frame[12] == 8 && frame[13] == 0)
        {
            frame.AsSpan(24, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~SlowChecksum.Sum(frame.AsSpan(14, 20)));
        }
    }
}
