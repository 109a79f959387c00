using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class ChecksumCopyTests
{
    private const int Room = 2048;

    [Fact]
    public unsafe void EveryLengthAndAlignmentIsCopiedAndSummed()
    {
        byte[] source = new byte[Room];
        byte[] target = new byte[Room];
        new Random(3).NextBytes(source);
        fixed (byte* from = source, to = target)
        {
            for (int at = 0; at < 67; at++)
            {
                for (int length = 0; length < 420; length++)
                {
                    int offset = (at * 5) % 64;
                    Array.Fill(target, (byte)0xee);
                    ulong sum = ChecksumCopy.Copy(to + at, from + offset, (uint)length);
                    ReadOnlySpan<byte> piece = source.AsSpan(offset, length);
                    Assert.Equal(SlowChecksum.Sum(piece), BinaryPrimitives.ReverseEndianness(InternetChecksum.Fold(sum)));
                    Assert.True(piece.SequenceEqual(target.AsSpan(at, length)), $"{length} bytes to {at}");
                    Assert.False(target.AsSpan(0, at).ContainsAnyExcept((byte)0xee), $"{length} bytes to {at}: something before");
                    Assert.False(target.AsSpan(at + length).ContainsAnyExcept((byte)0xee), $"{length} bytes to {at}: something behind");
                }
            }
        }
    }

    [Fact]
    public unsafe void PiecesOfAnyLengthAddUp()
    {
        var random = new Random(4);
        byte[] source = new byte[1500];
        byte[] target = new byte[1500];
        random.NextBytes(source);
        fixed (byte* from = source, to = target)
        {
            for (int round = 0; round < 2000; round++)
            {
                Array.Clear(target);
                ulong sum = 0;
                uint at = 0;
                while (at < source.Length)
                {
                    uint length = (uint)Math.Min(source.Length - at, random.Next(0, 300));
                    sum = ChecksumCopy.Append(sum, at, to + at, from + at, length);
                    at += length;
                }

                Assert.Equal(SlowChecksum.Sum(source), BinaryPrimitives.ReverseEndianness(InternetChecksum.Fold(sum)));
                Assert.Equal(source, target);
            }
        }
    }

    [Theory]
    [InlineData(0xff)]
    [InlineData(0x00)]
    public unsafe void ExtremesDoNotOverflow(byte fill)
    {
        byte[] source = new byte[65535];
        byte[] target = new byte[65535];
        Array.Fill(source, fill);
        fixed (byte* from = source, to = target)
        {
            Assert.Equal(SlowChecksum.Sum(source), BinaryPrimitives.ReverseEndianness(InternetChecksum.Fold(ChecksumCopy.Copy(to, from, 65535))));
        }
    }
}
