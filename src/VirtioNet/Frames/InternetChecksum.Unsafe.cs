using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words. Sums are taken over words as they lie in memory, because the sum does not
/// depend on the byte order as long as the result is stored in the order in which the words were read. Any thread.
/// </summary>
internal static unsafe class InternetChecksum
{
    /// <summary>Sums one piece that begins at an even offset.</summary>
    /// <returns>A sum to be folded; sums of several pieces may be added before folding.</returns>
    // SAFETY: the span is pinned for the call and gives the length.
    public static ulong Sum(ReadOnlySpan<byte> data)
    {
        fixed (byte* address = data)
        {
            return Sum(address, (uint)data.Length);
        }
    }

    /// <summary>Folds a sum to 16 bits, without complementing it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        uint folded = (uint)((sum & 0xffff) + (sum >> 16));
        folded = (folded & 0xffff) + (folded >> 16);
        return (ushort)((folded & 0xffff) + (folded >> 16));
    }

    /// <summary>The value for a checksum field: the complement of the folded sum, in the byte order of memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Finish(ulong sum) => (ushort)~Fold(sum);

    /// <summary>
    /// As <see cref="Finish"/>, with 0 replaced by its other form 0xffff, because 0 means "no checksum" in UDP (RFC 768) and is the same number to TCP.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FinishTransport(ulong sum)
    {
        ushort result = Finish(sum);
        return result == 0 ? (ushort)0xffff : result;
    }

    /// <summary>Adds a piece that begins after <paramref name="before"/> bytes of the checksummed data, which may be odd.</summary>
    // SAFETY: as Sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Append(ulong sum, uint before, byte* address, uint length)
    {
        ulong piece = Sum(address, length);
        return sum + ((before & 1) == 0 ? Fold(piece) : BinaryPrimitives.ReverseEndianness(Fold(piece)));
    }

    /// <summary>Sums one piece that begins at an even offset.</summary>
    // SAFETY: the caller vouches for [address, address + length), which is read only. Others may write it meanwhile: the sum is then that of no single
    // moment, which harms nobody but the frame's owner.
    internal static ulong Sum(byte* address, uint length)
    {
        WorkWitness.Sum(length);
        ulong sum = 0;
        if (WideCode.IsLinked && length >= 64)
        {
            return WideCode.Add(address, length);
        }

        if (length >= 64)
        {
            sum = Vector512.IsHardwareAccelerated ? SumBlocks512(ref address, ref length) : SumBlocks256(ref address, ref length);
        }

        for (; length >= 16; length -= 16, address += 16)
        {
            ulong low = Unsafe.ReadUnaligned<ulong>(address);
            ulong high = Unsafe.ReadUnaligned<ulong>(address + 8);
            sum += (low & 0xffff_ffff) + (low >> 32) + (high & 0xffff_ffff) + (high >> 32);
        }

        if ((length & 8) != 0)
        {
            ulong word = Unsafe.ReadUnaligned<ulong>(address);
            sum += (word & 0xffff_ffff) + (word >> 32);
            address += 8;
        }

        if ((length & 4) != 0)
        {
            sum += Unsafe.ReadUnaligned<uint>(address);
            address += 4;
        }

        if ((length & 2) != 0)
        {
            sum += Unsafe.ReadUnaligned<ushort>(address);
            address += 2;
        }

        if ((length & 1) != 0)
        {
            // The missing second byte of the last word counts as 0.
            sum += BitConverter.IsLittleEndian ? *address : (uint)*address << 8;
        }

        return sum;
    }

    // SAFETY: reads whole blocks below length only.
    private static ulong SumBlocks512(ref byte* address, ref uint length)
    {
        Vector512<ulong> mask = Vector512.Create(0xffff_fffful);
        Vector512<ulong> even0 = default, odd0 = default, even1 = default, odd1 = default;
        byte* at = address;
        uint rest = length;
        for (; rest >= 128; rest -= 128, at += 128)
        {
            Vector512<ulong> first = Vector512.Load((ulong*)at);
            Vector512<ulong> second = Vector512.Load((ulong*)(at + 64));
            even0 += first & mask;
            odd0 += first >>> 32;
            even1 += second & mask;
            odd1 += second >>> 32;
        }

        if (rest >= 64)
        {
            Vector512<ulong> block = Vector512.Load((ulong*)at);
            even0 += block & mask;
            odd0 += block >>> 32;
            rest -= 64;
            at += 64;
        }

        address = at;
        length = rest;
        return Vector512.Sum(even0 + even1 + (odd0 + odd1));
    }

    // SAFETY: reads whole blocks below length only. Vector256 is two Vector128 where the processor has no wider registers.
    private static ulong SumBlocks256(ref byte* address, ref uint length)
    {
        Vector256<ulong> mask = Vector256.Create(0xffff_fffful);
        Vector256<ulong> even0 = default, odd0 = default, even1 = default, odd1 = default;
        byte* at = address;
        uint rest = length;
        for (; rest >= 64; rest -= 64, at += 64)
        {
            Vector256<ulong> first = Vector256.Load((ulong*)at);
            Vector256<ulong> second = Vector256.Load((ulong*)(at + 32));
            even0 += first & mask;
            odd0 += first >>> 32;
            even1 += second & mask;
            odd1 += second >>> 32;
        }

        address = at;
        length = rest;
        return Vector256.Sum(even0 + even1 + (odd0 + odd1));
    }
}
