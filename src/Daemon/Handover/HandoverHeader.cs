using System.Buffers.Binary;

namespace VhostNet.Daemon.Handover;

/// <summary>
/// What each message begins with, 16 bytes, little-endian: a mark, the form of the messages (2 bytes), the kind (2), the payload's bytes (4), descriptors (4).
/// This never changes; what a payload may hold is agreed on by <see cref="HandoverKind.Hello"/>.
/// </summary>
/// <param name="Kind">What the message says.</param>
/// <param name="Bytes">Bytes of the payload.</param>
/// <param name="Descriptors">Descriptors that come along, before the payload.</param>
internal readonly record struct HandoverHeader(HandoverKind Kind, int Bytes, int Descriptors)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 16;

    /// <summary>"vhto".</summary>
    private const uint Mark = 0x6f746876;

    private const ushort Form = 1;

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, Mark);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], Form);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], (ushort)Kind);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], Bytes);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], Descriptors);
    }

    /// <summary>Reads a header; nothing in it is checked but that it is one.</summary>
    /// <exception cref="HandoverException">It is none.</exception>
    public static HandoverHeader Read(ReadOnlySpan<byte> from)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(from) != Mark || BinaryPrimitives.ReadUInt16LittleEndian(from[4..]) != Form)
        {
            throw new HandoverException("what came is no message of a take-over; both ends have to be vhostnetd");
        }

        return new HandoverHeader(
            (HandoverKind)BinaryPrimitives.ReadUInt16LittleEndian(from[6..]),
            BinaryPrimitives.ReadInt32LittleEndian(from[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(from[12..]));
    }
}
