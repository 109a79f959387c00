using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class InternetChecksumTests
{
    [Fact]
    public void EveryLengthAndAlignmentSumsAsTheSlowOne()
    {
        byte[] data = new byte[2048];
        new Random(1).NextBytes(data);
        for (int offset = 0; offset < 3; offset++)
        {
            for (int length = 0; length < 700; length++)
            {
                ReadOnlySpan<byte> piece = data.AsSpan(offset, length);
                Assert.Equal(SlowChecksum.Sum(piece), Big(InternetChecksum.Fold(InternetChecksum.Sum(piece))));
            }
        }
    }

    [Theory]
    [InlineData(0xff)]
    [InlineData(0x00)]
    public void ExtremesDoNotOverflow(byte fill)
    {
        byte[] data = new byte[65535];
        Array.Fill(data, fill);
        Assert.Equal(SlowChecksum.Sum(data), Big(InternetChecksum.Fold(InternetChecksum.Sum(data))));
    }

    [Fact]
    public unsafe void PiecesOfAnyLengthAddUp()
    {
        var random = new Random(2);
        byte[] data = new byte[1500];
        random.NextBytes(data);
        fixed (byte* address = data)
        {
            for (int round = 0; round < 2000; round++)
            {
                ulong sum = 0;
                uint at = 0;
                while (at < data.Length)
                {
                    uint length = (uint)Math.Min(data.Length - at, random.Next(0, 200));
                    sum = InternetChecksum.Append(sum, at, address + at, length);
                    at += length;
                }

                Assert.Equal(SlowChecksum.Sum(data), Big(InternetChecksum.Fold(sum)));
            }
        }
    }

    [Fact]
    public void ZeroIsSentAsAllOnes()
    {
        byte[] data = [0xff, 0xff];
        Assert.Equal(0, InternetChecksum.Finish(InternetChecksum.Sum(data)));
        Assert.Equal(0xffff, InternetChecksum.FinishTransport(InternetChecksum.Sum(data)));
    }

    private static ushort Big(ushort memoryOrder) => BinaryPrimitives.ReverseEndianness(memoryOrder);
}
