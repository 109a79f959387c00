using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>RFC 1071 as it is written, one word at a time: what the fast code is compared to.</summary>
internal static class SlowChecksum
{
    /// <summary>The folded sum of big-endian words, not complemented.</summary>
    public static ushort Sum(ReadOnlySpan<byte> data, uint start = 0)
    {
        uint sum = start;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += i + 1 < data.Length ? BinaryPrimitives.ReadUInt16BigEndian(data[i..]) : (uint)data[i] << 8;
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }

    /// <summary>The pseudo header's folded sum, not complemented.</summary>
    public static ushort Pseudo(bool ipv6, byte[] source, byte[] destination, byte protocol, int length)
    {
        byte[] header = ipv6 ? new byte[40] : new byte[12];
        int address = ipv6 ? 16 : 4;
        source.CopyTo(header, 0);
        destination.CopyTo(header, address);
        if (ipv6)
        {
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(32), length);
            header[39] = protocol;
        }
        else
        {
            header[9] = protocol;
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)length);
        }

        return Sum(header);
    }
}
