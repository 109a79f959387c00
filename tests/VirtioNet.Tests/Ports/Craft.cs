using System.Buffers.Binary;
using System.Net;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Builds and checks packets byte by byte, by code of its own, so that the ports' packet code is tested against something else.</summary>
internal static class Craft
{
    public static readonly byte[] GuestMac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
    public static readonly byte[] ResponderMac = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];
    public static readonly byte[] BroadcastMac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

    public static byte[] Ethernet(byte[] destination, byte[] source, ushort type, params byte[][] payload) =>
        [.. destination, .. source, .. Word(type), .. payload.SelectMany(p => p)];

    public static byte[] Arp(ushort operation, byte[] senderMac, string sender, byte[] targetMac, string target) =>
        [0, 1, 8, 0, 6, 4, .. Word(operation), .. senderMac, .. Ip(sender), .. targetMac, .. Ip(target)];

    public static byte[] IPv4(string source, string destination, byte protocol, byte[] payload, byte[]? options = null)
    {
        options ??= [];
        int header = 20 + options.Length;
        byte[] packet =
        [
            (byte)(0x40 | (header / 4)), 0, .. Word((ushort)(header + payload.Length)), 0x12, 0x34, 0, 0, 64, protocol, 0, 0, .. Ip(source), .. Ip(destination), .. options,
            .. payload,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum(packet[..header]));
        return packet;
    }

    public static byte[] IPv6(string source, string destination, byte next, byte hopLimit, byte[] payload) =>
        [0x60, 0, 0, 0, .. Word((ushort)payload.Length), next, hopLimit, .. Ip(source), .. Ip(destination), .. payload];

    public static byte[] Icmp(byte type, byte code, byte[] rest)
    {
        byte[] message = [type, code, 0, 0, .. rest];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        return message;
    }

    public static byte[] IcmpV6(string source, string destination, byte type, byte code, byte[] rest)
    {
        byte[] message = [type, code, 0, 0, .. rest];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum([.. Pseudo(source, destination, 58, message.Length), .. message]));
        return message;
    }

    public static byte[] Udp(string source, string destination, ushort sourcePort, ushort destinationPort, byte[] payload)
    {
        byte[] message = [.. Word(sourcePort), .. Word(destinationPort), .. Word((ushort)(8 + payload.Length)), 0, 0, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), Checksum([.. Pseudo(source, destination, 17, message.Length), .. message]));
        return message;
    }

    public static byte[] Pseudo(string source, string destination, byte protocol, int length) =>
        [.. Ip(source), .. Ip(destination), .. Word((ushort)(length >> 16)), .. Word((ushort)length), 0, protocol];

    /// <summary>RFC 1071, word by word.</summary>
    public static ushort Checksum(byte[] data)
    {
        uint sum = 0;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += (uint)((data[i] << 8) | (i + 1 < data.Length ? data[i + 1] : 0));
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    public static byte[] Dhcp(byte type, uint transaction, byte[] mac, bool broadcast = false, string? clientAddress = null, params byte[][] options)
    {
        byte[] message = new byte[240];
        message[0] = 1;
        message[1] = 1;
        message[2] = 6;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), transaction);
        message[10] = broadcast ? (byte)0x80 : (byte)0;
        Ip(clientAddress ?? "0.0.0.0").CopyTo(message, 12);
        mac.CopyTo(message, 28);
        new byte[] { 0x63, 0x82, 0x53, 0x63 }.CopyTo(message, 236);
        return [.. message, 53, 1, type, .. options.SelectMany(o => o), 255];
    }

    public static byte[] DhcpFrame(byte[] mac, byte[] message, string source = "0.0.0.0", string destination = "255.255.255.255") =>
        Ethernet(BroadcastMac, mac, 0x0800, IPv4(source, destination, 17, Udp(source, destination, 68, 67, message)));

    /// <summary>The options of a DHCP message that starts at its fixed part.</summary>
    public static Dictionary<byte, byte[]> DhcpOptions(byte[] message)
    {
        var options = new Dictionary<byte, byte[]>();
        for (int i = 240; message[i] != 255; i += 2 + message[i + 1])
        {
            options[message[i]] = message[(i + 2)..(i + 2 + message[i + 1])];
        }

        return options;
    }

    public static void AssertIPv4(byte[] frame, int layer3 = 14)
    {
        int header = (frame[layer3] & 15) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(layer3 + 2));
        Assert.True(frame.Length >= layer3 + length);
        Assert.Equal(0, Checksum(frame[layer3..(layer3 + header)]));
        byte[] payload = frame[(layer3 + header)..(layer3 + length)];
        if (frame[layer3 + 9] == 1)
        {
            Assert.Equal(0, Checksum(payload));
        }
        else
        {
            byte[] addresses = frame[(layer3 + 12)..(layer3 + 20)];
            Assert.Equal(0, Checksum([.. addresses, 0, 0, .. Word((ushort)payload.Length), 0, frame[layer3 + 9], .. payload]));
        }
    }

    public static void AssertIPv6(byte[] frame, int layer3 = 14)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(layer3 + 4));
        byte[] payload = frame[(layer3 + 40)..(layer3 + 40 + length)];
        Assert.Equal(0, Checksum([.. frame[(layer3 + 8)..(layer3 + 40)], 0, 0, .. Word((ushort)length), 0, 0, 0, frame[layer3 + 6], .. payload]));
    }

    public static byte[] Ip(string address) => IPAddress.Parse(address).GetAddressBytes();

    public static byte[] Word(ushort value) => [(byte)(value >> 8), (byte)value];

    public static byte[] Pattern(int length, int seed = 0)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
