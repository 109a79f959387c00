using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Captures;

/// <summary>The pcap file format (draft-ietf-opsawg-pcap).</summary>
internal static class PcapFormat
{
    /// <summary>Bytes before the first record.</summary>
    public const int FileHeaderSize = 24;

    /// <summary>Bytes before each frame.</summary>
    public const int RecordHeaderSize = 16;

    /// <summary>An Ethernet header.</summary>
    public const int SnapLengthMin = 14;

    /// <summary>Longest record that is read; tcpdump's own limit.</summary>
    public const int RecordMax = 262144;

    private const uint MagicNanoseconds = 0xa1b2_3c4d;
    private const uint MagicMicroseconds = 0xa1b2_c3d4;
    private const uint MagicNextGeneration = 0x0a0d_0d0a;
    private const uint LinkTypeEthernet = 1;

    /// <summary>Writes a file header: version 2.4, nanoseconds, Ethernet.</summary>
    public static void WriteFileHeader(Span<byte> header, int snapLength)
    {
        header[..FileHeaderSize].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, MagicNanoseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], (uint)snapLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], LinkTypeEthernet);
    }

    /// <summary>Writes a record header.</summary>
    /// <param name="header">Where to.</param>
    /// <param name="timeNs">Nanoseconds since 1970.</param>
    /// <param name="kept">Bytes of the frame that follow.</param>
    /// <param name="length">Bytes that the frame had.</param>
    public static void WriteRecordHeader(Span<byte> header, long timeNs, int kept, int length)
    {
        (long seconds, long rest) = Math.DivRem(timeNs, 1_000_000_000);
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)rest);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], kept);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], length);
    }

    /// <summary>Reads a file header.</summary>
    /// <param name="header">The file's first bytes.</param>
    /// <param name="problem">Why the file can't be used.</param>
    /// <param name="bigEndian">The order of its numbers.</param>
    /// <param name="fraction">Nanoseconds of a unit of the second's fraction: 1 or 1000.</param>
    public static bool TryReadFileHeader(ReadOnlySpan<byte> header, out string problem, out bool bigEndian, out int fraction)
    {
        bigEndian = false;
        fraction = 1;
        problem = "it is shorter than a pcap file's header";
        if (header.Length < FileHeaderSize)
        {
            return false;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(header);
        bigEndian = BinaryPrimitives.ReverseEndianness(magic) is MagicNanoseconds or MagicMicroseconds;
        magic = bigEndian ? BinaryPrimitives.ReverseEndianness(magic) : magic;
        problem = magic == MagicNextGeneration
            ? "it is a pcapng file; convert it with 'editcap -F nsecpcap IN OUT'"
            : "it is not a pcap file";
        if (magic is not (MagicNanoseconds or MagicMicroseconds))
        {
            return false;
        }

        fraction = magic == MagicMicroseconds ? 1000 : 1;
        uint linkType = ReadNumber(header[20..], bigEndian) & 0x0fff_ffff;
        problem = $"its link type is {linkType}; only Ethernet (1) can be replayed";
        return linkType == LinkTypeEthernet;
    }

    /// <summary>True for what a capture file begins with: pcap of either order and precision, or pcapng.</summary>
    public static bool IsCapture(ReadOnlySpan<byte> start)
    {
        if (start.Length < sizeof(uint))
        {
            return false;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(start);
        return magic is MagicNanoseconds or MagicMicroseconds or MagicNextGeneration
            || BinaryPrimitives.ReverseEndianness(magic) is MagicNanoseconds or MagicMicroseconds;
    }

    /// <summary>Reads a number in the file's order.</summary>
    public static uint ReadNumber(ReadOnlySpan<byte> source, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(source) : BinaryPrimitives.ReadUInt32LittleEndian(source);
}
