using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace VhostNet.VirtioNet.Frames;

/// <summary>Headers of a legacy guest whose byte order is not this machine's: the two single bytes stay, each of the five 16-bit fields is turned.</summary>
internal readonly struct SwappedHeader : IHeaderOrder
{
    /// <summary>Every other byte of a word.</summary>
    private const ulong EvenBytes = 0x00ff_00ff_00ff_00ff;

    /// <summary>flags and gso_type, which are bytes.</summary>
    private const ulong SingleBytes = 0xffff;

    public static bool IsNative => false;

    public static ulong OrderLow(ulong low) => (low & SingleBytes) | ((((low & EvenBytes) << 8) | ((low >> 8) & EvenBytes)) & ~SingleBytes);

    public static uint OrderHigh(uint high) => ((high & 0x00ff_00ff) << 8) | ((high >> 8) & 0x00ff_00ff);

    /// <summary>A whole header, in either direction.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static VirtioNetHeader Turn(in VirtioNetHeader header) => header with
    {
        HdrLen = BinaryPrimitives.ReverseEndianness(header.HdrLen),
        GsoSize = BinaryPrimitives.ReverseEndianness(header.GsoSize),
        CsumStart = BinaryPrimitives.ReverseEndianness(header.CsumStart),
        CsumOffset = BinaryPrimitives.ReverseEndianness(header.CsumOffset),
        NumBuffers = BinaryPrimitives.ReverseEndianness(header.NumBuffers),
    };
}
