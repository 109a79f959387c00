using System.Buffers.Binary;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>The ring of a legacy guest whose byte order is not this machine's.</summary>
internal readonly struct SwappedOrder : IByteOrder
{
    public static ushort Order(ushort value) => BinaryPrimitives.ReverseEndianness(value);

    public static uint Order(uint value) => BinaryPrimitives.ReverseEndianness(value);

    public static ulong Order(ulong value) => BinaryPrimitives.ReverseEndianness(value);
}
