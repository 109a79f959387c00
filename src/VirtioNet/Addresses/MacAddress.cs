using System.Buffers.Binary;
using System.Globalization;

namespace VhostNet.VirtioNet.Addresses;

/// <summary>An Ethernet address. The value holds its six bytes, the first one on the wire in bits 47 to 40.</summary>
/// <param name="Value">The address as a number.</param>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>Bytes of an address.</summary>
    public const int Size = 6;

    /// <summary>ff:ff:ff:ff:ff:ff.</summary>
    public static MacAddress Broadcast { get; } = new(0xffff_ffff_ffff);

    /// <summary>True for group addresses, the broadcast address among them.</summary>
    public bool IsMulticast => (Value & 0x0100_0000_0000) != 0;

    /// <summary>Reads the first six bytes of <paramref name="source"/>.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> source) =>
        new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(source) << 32) | BinaryPrimitives.ReadUInt32BigEndian(source[2..]));

    /// <summary>Writes the address to the first six bytes of <paramref name="destination"/>.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(destination[2..], (uint)Value);
    }

    /// <summary>Reads the usual notation: six hexadecimal bytes between colons or hyphens.</summary>
    public static bool TryParse(string? text, out MacAddress address)
    {
        address = default;
        string[] parts = (text ?? string.Empty).Split(':', '-');
        if (parts.Length != Size)
        {
            return false;
        }

        ulong value = 0;
        foreach (string part in parts)
        {
            if (part.Length is 0 or > 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return false;
            }

            value = (value << 8) | b;
        }

        address = new MacAddress(value);
        return true;
    }

    /// <summary>Reads the usual notation.</summary>
    /// <exception cref="FormatException">The text is no Ethernet address.</exception>
    public static MacAddress Parse(string text) => TryParse(text, out MacAddress address)
        ? address
        : throw new FormatException($"'{text}' is not an Ethernet address; it has six hexadecimal bytes, as in 52:55:0a:00:02:02");

    /// <summary>The usual notation.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(byte)(Value >> 40):x2}:{(byte)(Value >> 32):x2}:{(byte)(Value >> 24):x2}:{(byte)(Value >> 16):x2}:{(byte)(Value >> 8):x2}:{(byte)Value:x2}");
}
