using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Ports.Packets;

/// <summary>The one's complement sum of RFC 1071, for the few packets that ports make or answer themselves. Sums may be chained while each part but the last has an even length.</summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a running sum.</summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 4)
        {
            sum += BinaryPrimitives.ReadUInt32BigEndian(data);
            data = data[4..];
        }

        if (data.Length >= 2)
        {
            sum += (uint)BinaryPrimitives.ReadUInt16BigEndian(data) << 16;
            data = data[2..];
            return data.Length == 0 ? sum : sum + ((uint)data[0] << 8);
        }

        return data.Length == 0 ? sum : sum + ((uint)data[0] << 24);
    }

    /// <summary>The pseudo header of TCP, UDP and ICMPv6: both addresses (4 or 16 bytes each, adjacent), the protocol and the length above IP.</summary>
    public static ulong AddPseudoHeader(ulong sum, ReadOnlySpan<byte> addresses, byte protocol, int length) => Add(sum, addresses) + protocol + (uint)length;

    /// <summary>Folds a sum to the checksum to be stored; 0 for data that hold a correct one.</summary>
    public static ushort Finish(ulong sum)
    {
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        return (ushort)~sum;
    }

    /// <summary>The checksum of some bytes.</summary>
    public static ushort Compute(ReadOnlySpan<byte> data) => Finish(Add(0, data));

    /// <summary>The checksum after one 16-bit word of what it covers changed (RFC 1624). It stays wrong when it was wrong.</summary>
    public static ushort Update(ushort checksum, ushort oldWord, ushort newWord) => Finish((ulong)(ushort)~checksum + (ushort)~oldWord + newWord);
}
