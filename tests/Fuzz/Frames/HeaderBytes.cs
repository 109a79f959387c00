using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Fuzz.Frames;

/// <summary>virtio_net_hdr as a guest's driver reads and writes it, in its byte order.</summary>
internal static class HeaderBytes
{
    /// <summary>Where the 16-bit fields begin.</summary>
    private const int Fields = 2;

    /// <summary>The header that the bytes hold; what they are too short for is 0.</summary>
    public static VirtioNetHeader Read(ReadOnlySpan<byte> bytes, bool swap)
    {
        Span<byte> header = stackalloc byte[VirtioNetHeader.Size];
        header.Clear();
        bytes.CopyTo(header);
        Swap(header, swap);
        return MemoryMarshal.Read<VirtioNetHeader>(header);
    }

    /// <summary>The first <paramref name="size"/> bytes of the header.</summary>
    public static byte[] Write(in VirtioNetHeader header, int size, bool swap)
    {
        byte[] bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<VirtioNetHeader>(in header))[..size].ToArray();
        Swap(bytes, swap);
        return bytes;
    }

    private static void Swap(Span<byte> header, bool swap)
    {
        if (swap)
        {
            Span<ushort> fields = MemoryMarshal.Cast<byte, ushort>(header[Fields..]);
            BinaryPrimitives.ReverseEndianness(fields, fields);
        }
    }
}
