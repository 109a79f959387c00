using System.Buffers.Binary;
using VhostNet.Ctl.Captures;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Tests.Captures;

public sealed class PcapParserTests
{
    /// <summary>However a capture is cut on its way, the frames are the same.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public void FramesDoNotDependOnPieces(int piece)
    {
        byte[] capture = [.. Head(), .. Record(1, 2, [1, 2, 3], 60), .. Record(5, 6, new byte[70], 70), .. Record(7, 8, [], 0)[..9]];
        var seen = new List<(long, int, int)>();
        var parser = new PcapParser((time, length, kept) => seen.Add((time, length, kept.Length)));
        for (int i = 0; i < capture.Length; i += piece)
        {
            parser.Feed(capture.AsSpan(i, Math.Min(piece, capture.Length - i)));
        }

        Assert.Equal([(1_000_000_002, 60, 3), (5_000_000_006, 70, 70)], seen);
        Assert.Equal(2, parser.Frames);
    }

    [Fact]
    public void WhatIsNoCaptureIsRefused()
    {
        Assert.Throws<CtlException>(() => new PcapParser(null).Feed(new byte[24]));
        Assert.Throws<CtlException>(() => new PcapParser(null).Feed([.. Head(), .. Record(0, 0, [], 0, kept: -1)]));
        Assert.Throws<CtlException>(() => new PcapParser(null).Feed([.. Head(), .. Record(0, 0, [], 0, kept: int.MaxValue)]));
    }

    [Theory]
    [InlineData("ffffffffffff02000000000108060001080006040001020000000001" + "0a000001" + "000000000000" + "0a000002", "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP who has 10.0.0.2, tell 10.0.0.1, 42 bytes")]
    [InlineData("0200000000020200000000018100000a080045000020000000004011000" + "00a0000010a000002" + "00350036" + "000c0000", "vlan 10 UDP 10.0.0.1:53 > 10.0.0.2:54, 42 bytes")]
    [InlineData("02000000000202000000000186dd60000000000006ff" + "fec00000000000000000000000000001" + "fec00000000000000000000000000002", "type", false)]
    [InlineData("0102", "short frame, 42 bytes")]
    [InlineData("02000000000202000000000188b5", "type 0x88b5, 42 bytes")]
    public void AFrameIsALine(string hex, string expected, bool contains = true)
    {
        string line = FrameLine.Of(0, 42, Convert.FromHexString(hex.Length % 2 == 0 ? hex : hex + "0"));
        Assert.Equal(contains, line.Contains(expected, StringComparison.Ordinal));
    }

    /// <summary>What a guest sent is anything at all, cut off anywhere.</summary>
    [Fact]
    public void NoFrameIsTooStrange()
    {
        var random = new Random(1);
        byte[] frame = new byte[128];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(frame);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)(i % 5) switch { 0 => 0x800, 1 => 0x86dd, 2 => 0x806, 3 => 0x8100, _ => 0x88a8 });
            Assert.NotEmpty(FrameLine.Of(random.NextInt64(), 128, frame.AsSpan(0, random.Next(frame.Length + 1))));
        }
    }

    private static byte[] Head()
    {
        byte[] head = new byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(head, 0xa1b23c4d);
        return head;
    }

    private static byte[] Record(uint seconds, uint nanoseconds, byte[] data, int length, int? kept = null)
    {
        byte[] record = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(record, seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), nanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(8), kept ?? data.Length);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), length);
        return [.. record, .. data];
    }
}
