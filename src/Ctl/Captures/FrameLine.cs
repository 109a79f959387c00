using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace VhostNet.Ctl.Captures;

/// <summary>One line about a frame, for whoever looks without Wireshark: time, addresses, VLAN, what it is, length.</summary>
internal static class FrameLine
{
    private const int HeaderSize = 14;

    /// <summary>Makes the line.</summary>
    public static string Of(long timeNs, int length, ReadOnlySpan<byte> frame)
    {
        var line = new StringBuilder();
        DateTime time = DateTime.UnixEpoch.AddTicks(timeNs / 100).ToLocalTime();
        line.Append(time.ToString("HH:mm:ss.ffffff", CultureInfo.InvariantCulture));
        if (frame.Length < HeaderSize)
        {
            return line.Append(CultureInfo.InvariantCulture, $" short frame, {length} bytes").ToString();
        }

        line.Append(' ').Append(Mac(frame[6..])).Append(" > ").Append(Mac(frame));
        int at = 12;
        int type = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        while (type is 0x8100 or 0x88a8 && frame.Length >= at + 6)
        {
            line.Append(CultureInfo.InvariantCulture, $" vlan {BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]) & 0xfff}");
            at += 4;
            type = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        }

        ReadOnlySpan<byte> rest = frame[(at + 2)..];
        line.Append(' ').Append(type switch
        {
            0x0800 => IPv4(rest),
            0x86dd => IPv6(rest),
            0x0806 => Arp(rest),
            _ => string.Create(CultureInfo.InvariantCulture, $"type 0x{type:x4}"),
        });
        return line.Append(CultureInfo.InvariantCulture, $", {length} bytes").ToString();
    }

    private static string Mac(ReadOnlySpan<byte> bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}");

    private static string Arp(ReadOnlySpan<byte> packet) => packet.Length < 28 ? "ARP" : BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) == 1
        ? $"ARP who has {new IPAddress(packet[24..28])}, tell {new IPAddress(packet[14..18])}"
        : $"ARP {new IPAddress(packet[14..18])} is at {Mac(packet[8..])}";

    private static string IPv4(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 20)
        {
            return "IPv4";
        }

        int header = (packet[0] & 15) * 4;
        bool first = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1fff) == 0;
        ReadOnlySpan<byte> payload = first && packet.Length >= header ? packet[header..] : default;
        return Transport(packet[9], new IPAddress(packet[12..16]), new IPAddress(packet[16..20]), payload);
    }

    private static string IPv6(ReadOnlySpan<byte> packet) =>
        packet.Length < 40 ? "IPv6" : Transport(packet[6], new IPAddress(packet[8..24]), new IPAddress(packet[24..40]), packet[40..]);

    private static string Transport(byte protocol, IPAddress source, IPAddress destination, ReadOnlySpan<byte> payload)
    {
        string name = protocol switch
        {
            1 => "ICMP",
            6 => "TCP",
            17 => "UDP",
            58 => "ICMPv6",
            _ => string.Create(CultureInfo.InvariantCulture, $"protocol {protocol}"),
        };
        if (protocol is not (6 or 17) || payload.Length < 4)
        {
            return $"{name} {source} > {destination}";
        }

        var from = new IPEndPoint(source, BinaryPrimitives.ReadUInt16BigEndian(payload));
        var to = new IPEndPoint(destination, BinaryPrimitives.ReadUInt16BigEndian(payload[2..]));
        return $"{name} {from} > {to}";
    }
}
