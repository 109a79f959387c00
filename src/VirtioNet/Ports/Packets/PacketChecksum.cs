using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Packets;

/// <summary>
/// <see cref="InternetChecksum"/> for the few packets that ports make or answer themselves, with fields as they read and write them: as numbers, in network
/// byte order. Sums may be chained while each part but the last has an even length.
/// </summary>
internal static class PacketChecksum
{
    /// <summary>Adds bytes to a running sum.</summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> data) => sum + InternetChecksum.Fold(InternetChecksum.Sum(data));

    /// <summary>Adds a 32-bit field.</summary>
    public static ulong Add(ulong sum, uint field) => sum + BinaryPrimitives.ReverseEndianness(field);

    /// <summary>The pseudo header of TCP, UDP and ICMPv6: both addresses (4 or 16 bytes each, adjacent), the protocol and the length above IP.</summary>
    public static ulong AddPseudoHeader(ulong sum, ReadOnlySpan<byte> addresses, byte protocol, int length) =>
        Add(Add(Add(sum, addresses), protocol), (uint)length);

    /// <summary>Folds a sum to the checksum to be stored; 0 for data that hold a correct one.</summary>
    public static ushort Finish(ulong sum) => BinaryPrimitives.ReverseEndianness(InternetChecksum.Finish(sum));

    /// <summary>The checksum of some bytes.</summary>
    public static ushort Compute(ReadOnlySpan<byte> data) => Finish(Add(0, data));

    /// <summary>The checksum after one 16-bit word of what it covers changed (RFC 1624). It stays wrong when it was wrong.</summary>
    public static ushort Update(ushort checksum, ushort oldWord, ushort newWord) =>
        InternetChecksum.Finish((ulong)(ushort)~checksum + (ushort)~oldWord + newWord);
}
