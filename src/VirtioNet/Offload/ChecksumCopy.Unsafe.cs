using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Copies and adds up in one pass what an Internet checksum covers (RFC 1071): each byte is loaded once, so that the sum costs hardly more than the copy alone,
/// and it is the sum of what was stored even if the sender writes the source meanwhile. Any thread.
/// </summary>
internal static unsafe class ChecksumCopy
{
    /// <summary>Copies a piece that begins after <paramref name="before"/> bytes of the checksummed data, which may be odd, and adds it to a sum.</summary>
    /// <returns>A sum to be folded.</returns>
    // SAFETY: as Copy.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Append(ulong sum, uint before, byte* destination, byte* source, uint length)
    {
        WorkWitness.Copy(length);
        WorkWitness.Sum(length);
        ulong piece = Copy(destination, source, length);
        return (before & 1) == 0 ? sum + piece : sum + BinaryPrimitives.ReverseEndianness(InternetChecksum.Fold(piece));
    }

    /// <summary>Copies one piece, and sums it as if it began at an even offset.</summary>
    /// <returns>A sum to be folded; sums of several pieces may be added before folding.</returns>
    // SAFETY: the caller has checked that both ranges hold length bytes and that they don't overlap; every access lies within them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Copy(byte* destination, byte* source, uint length) => Vector512.IsHardwareAccelerated && length > 64
        ? Copy512(destination, source, length)
        : WideCode.IsLinked && length > 64 ? WideCode.Copy(destination, source, length)
        : CopyAny(destination, source, length);

    // SAFETY: as Copy.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong CopyAny(byte* destination, byte* source, uint length)
    {
        ulong sum = length < 64 ? 0 : CopyBlocks256(ref destination, ref source, ref length);
        for (; length >= 16; length -= 16, source += 16, destination += 16)
        {
            ulong low = Unsafe.ReadUnaligned<ulong>(source);
            ulong high = Unsafe.ReadUnaligned<ulong>(source + 8);
            Unsafe.WriteUnaligned(destination, low);
            Unsafe.WriteUnaligned(destination + 8, high);
            sum += (low & 0xffff_ffff) + (low >> 32) + (high & 0xffff_ffff) + (high >> 32);
        }

        return sum + CopyRest(destination, source, length);
    }

    // SAFETY: length is below 16, and each step stays within it.
    private static ulong CopyRest(byte* destination, byte* source, uint length)
    {
        ulong sum = 0;
        if ((length & 8) != 0)
        {
            ulong word = Unsafe.ReadUnaligned<ulong>(source);
            Unsafe.WriteUnaligned(destination, word);
            sum = (word & 0xffff_ffff) + (word >> 32);
            source += 8;
            destination += 8;
        }

        if ((length & 4) != 0)
        {
            uint word = Unsafe.ReadUnaligned<uint>(source);
            Unsafe.WriteUnaligned(destination, word);
            sum += word;
            source += 4;
            destination += 4;
        }

        if ((length & 2) != 0)
        {
            ushort word = Unsafe.ReadUnaligned<ushort>(source);
            Unsafe.WriteUnaligned(destination, word);
            sum += word;
            source += 2;
            destination += 2;
        }

        if ((length & 1) != 0)
        {
            // The missing second byte of the last word counts as 0.
            byte last = *source;
            *destination = last;
            sum += BitConverter.IsLittleEndian ? last : (uint)last << 8;
        }

        return sum;
    }

    // SAFETY: length is over 64; accesses whole blocks below length and the first and last 64 bytes. Of those, what is added elsewhere is masked, an even
    // number of bytes, so that words stay words.
    private static ulong Copy512(byte* destination, byte* source, uint length)
    {
        ulong sum = 0;
        if ((length & 1) != 0)
        {
            length--;
            sum = CopyRest(destination + length, source + length, 1);
        }

        Vector512<ulong> mask = Vector512.Create(0xffff_fffful);
        Vector512<ulong> even0 = default, odd0 = default, even1 = default, odd1 = default;
        byte* from = source;
        byte* to = destination;
        uint rest = length;
        uint head = (uint)-(int)(nint)destination & 63;
        if (head != 0 && (head & 1) == 0)
        {
            Vector512<ulong> block = Vector512.Load((ulong*)from);
            block.Store((ulong*)to);
            block &= ~Vector512.LoadUnsafe(in MemoryMarshal.GetReference(LastBytes), 64 - head).AsUInt64();
            even0 = block & mask;
            odd0 = block >>> 32;
            from += head;
            to += head;
            rest -= head;
        }

        for (; rest >= 128; rest -= 128, from += 128, to += 128)
        {
            Vector512<ulong> first = Vector512.Load((ulong*)from);
            Vector512<ulong> second = Vector512.Load((ulong*)(from + 64));
            first.Store((ulong*)to);
            second.Store((ulong*)(to + 64));
            even0 += first & mask;
            odd0 += first >>> 32;
            even1 += second & mask;
            odd1 += second >>> 32;
        }

        if (rest >= 64)
        {
            Vector512<ulong> block = Vector512.Load((ulong*)from);
            block.Store((ulong*)to);
            even0 += block & mask;
            odd0 += block >>> 32;
            rest -= 64;
        }

        if (rest > 0)
        {
            Vector512<ulong> block = Vector512.Load((ulong*)(source + length - 64));
            block.Store((ulong*)(destination + length - 64));
            block &= Vector512.LoadUnsafe(in MemoryMarshal.GetReference(LastBytes), rest).AsUInt64();
            even1 += block & mask;
            odd1 += block >>> 32;
        }

        return sum + Vector512.Sum(even0 + even1 + (odd0 + odd1));
    }

    /// <summary>From index n on: a mask of 64 bytes whose last n are set.</summary>
    private static ReadOnlySpan<byte> LastBytes =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ];

    // SAFETY: accesses whole blocks below length only. Vector256 is two Vector128 where the processor has no wider registers.
    private static ulong CopyBlocks256(ref byte* destination, ref byte* source, ref uint length)
    {
        Vector256<ulong> mask = Vector256.Create(0xffff_fffful);
        Vector256<ulong> even0 = default, odd0 = default, even1 = default, odd1 = default;
        byte* from = source;
        byte* to = destination;
        uint rest = length;
        for (; rest >= 64; rest -= 64, from += 64, to += 64)
        {
            Vector256<ulong> first = Vector256.Load((ulong*)from);
            Vector256<ulong> second = Vector256.Load((ulong*)(from + 32));
            first.Store((ulong*)to);
            second.Store((ulong*)(to + 32));
            even0 += first & mask;
            odd0 += first >>> 32;
            even1 += second & mask;
            odd1 += second >>> 32;
        }

        source = from;
        destination = to;
        length = rest;
        return Vector256.Sum(even0 + even1 + (odd0 + odd1));
    }
}
