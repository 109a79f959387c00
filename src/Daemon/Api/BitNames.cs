using System.Buffers.Text;
using System.Text.Json;
using VhostNet.VhostUser.Protocol;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Api;

/// <summary>
/// Writes feature masks and addresses as JSON without strings of their own: the status is read every second by some, and garbage stops the data threads.
/// </summary>
internal static class BitNames
{
    private const int HexDigitsMax = 16;
    private static readonly string[] s_virtio = [.. Enumerable.Range(0, 64).Select(bit => VirtioNetFeatures.Names(1UL << bit)[0])];
    private static readonly string[] s_protocol = [.. Enumerable.Range(0, 64).Select(bit => ProtocolFeatures.Describe(1UL << bit).ToLowerInvariant())];

    /// <summary>Writes the names of virtio features as an array.</summary>
    public static void WriteVirtio(Utf8JsonWriter json, ReadOnlySpan<byte> name, ulong features) => Write(json, name, features, s_virtio);

    /// <summary>Writes the names of protocol features as an array: the specification's names in lower case.</summary>
    public static void WriteProtocol(Utf8JsonWriter json, ReadOnlySpan<byte> name, ulong features) => Write(json, name, features, s_protocol);

    /// <summary>Writes a number as a string of hexadecimal digits.</summary>
    public static void WriteHex(Utf8JsonWriter json, ReadOnlySpan<byte> name, ulong value)
    {
        Span<byte> text = stackalloc byte[2 + HexDigitsMax];
        "0x"u8.CopyTo(text);
        _ = Utf8Formatter.TryFormat(value, text[2..], out int digits, 'x');
        json.WriteString(name, text[..(2 + digits)]);
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, ulong mask, string[] names)
    {
        json.WriteStartArray(name);
        for (int bit = 0; bit < names.Length; bit++)
        {
            if ((mask >> bit & 1) != 0)
            {
                json.WriteStringValue(names[bit]);
            }
        }

        json.WriteEndArray();
    }
}
