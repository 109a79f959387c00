using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A virtio_net_hdr as it lies in the memory of a guest of either byte order, written down field by field.</summary>
internal static class GuestHeader
{
    /// <summary>The header's bytes.</summary>
    /// <param name="header">What it says.</param>
    /// <param name="size">12, or 10 without num_buffers.</param>
    /// <param name="bigEndian">The guest's byte order.</param>
    public static byte[] Bytes(VirtioNetHeader header, int size, bool bigEndian)
    {
        byte[] bytes = new byte[size];
        bytes[0] = header.Flags;
        bytes[1] = header.GsoType;
        ushort[] fields = [header.HdrLen, header.GsoSize, header.CsumStart, header.CsumOffset, header.NumBuffers];
        for (int at = 2; at < size; at += 2)
        {
            ushort field = fields[(at / 2) - 1];
            if (bigEndian)
            {
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), field);
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), field);
            }
        }

        return bytes;
    }

    /// <summary>What the bytes say to a guest of that order; num_buffers is 1 where there is none.</summary>
    public static VirtioNetHeader Read(ReadOnlySpan<byte> bytes, int size, bool bigEndian)
    {
        ushort[] fields = [0, 0, 0, 0, 1];
        for (int at = 2; at < size; at += 2)
        {
            fields[(at / 2) - 1] = bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
        }

        return new VirtioNetHeader
        {
            Flags = bytes[0],
            GsoType = bytes[1],
            HdrLen = fields[0],
            GsoSize = fields[1],
            CsumStart = fields[2],
            CsumOffset = fields[3],
            NumBuffers = fields[4],
        };
    }
}
