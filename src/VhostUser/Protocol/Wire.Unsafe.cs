using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>Copies payload structures out of and into buffers that this process owns; never used on guest memory.</summary>
internal static class Wire
{
    /// <summary>Reads a structure from the start of <paramref name="source"/>; bytes that are missing at its end count as zero.</summary>
    // SAFETY: T is unmanaged, and the copy is bounded by both lengths.
    public static T Read<T>(ReadOnlySpan<byte> source)
        where T : unmanaged
    {
        T value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        source[..Math.Min(source.Length, bytes.Length)].CopyTo(bytes);
        return value;
    }

    /// <summary>The bytes of a structure.</summary>
    // SAFETY: the array has the structure's size.
    public static byte[] ToBytes<T>(in T value)
        where T : unmanaged
    {
        byte[] bytes = new byte[Unsafe.SizeOf<T>()];
        MemoryMarshal.Write(bytes, in value);
        return bytes;
    }

    /// <summary>Writes a structure to the start of <paramref name="destination"/>.</summary>
    /// <returns>The bytes that it takes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The destination is too short.</exception>
    // SAFETY: MemoryMarshal.Write checks the length.
    public static int Write<T>(Span<byte> destination, in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(destination, in value);
        return Unsafe.SizeOf<T>();
    }
}
