using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class OffloadFinisherTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly OffloadFinisher _finisher = new();
    private readonly Random _random = new(4);

    public void Dispose()
    {
        _finisher.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void SegmentsAreThoseOfTheSlowOne()
    {
        for (int i = 0; i < 600; i++)
        {
            FrameBuilder frame = RandomFrame(_random.Next(1, i % 20 == 0 ? 65000 : 6000));
            int gsoSize = _random.Next(Math.Max(1, frame.Payload.Length / 300), 3000);
            _memory.Clear();
            _memory.Add(frame.Header((ushort)gsoSize, ecn: frame.Tcp && (frame.TcpFlags & 0x80) != 0), frame.Partial(), RandomPieces());
            List<byte[]> expected = SlowOffload.Segment(frame, gsoSize);
            List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.None);
            Assert.Equal(expected.Count, actual.Count);
            for (int s = 0; s < expected.Count; s++)
            {
                Assert.Equal(default, actual[s].Header);
                AssertSame(expected[s], actual[s].Frame, $"frame {i} segment {s} of {frame}");
            }
        }
    }

    [Fact]
    public void ChecksumsAreThoseOfTheSlowOne()
    {
        for (int i = 0; i < 1000; i++)
        {
            FrameBuilder frame = RandomFrame(_random.Next(0, 2000));
            _memory.Clear();
            _memory.Add(frame.Header(), frame.Partial(), RandomPieces());
            (VirtioNetHeader header, byte[] actual) = Assert.Single(Finish(Offloads.None));
            Assert.Equal(default, header);
            AssertSame(SlowOffload.Checksum(frame.Partial(), frame.TransportOffset, frame.ChecksumOffset), actual, frame.ToString());
        }
    }

    [Fact]
    public void AChecksumMayLieAnywhere()
    {
        for (int i = 0; i < 1000; i++)
        {
            byte[] frame = new byte[_random.Next(60, 3000)];
            _random.NextBytes(frame);
            int start = _random.Next(14, frame.Length - 2);
            int offset = 2 * _random.Next(0, (frame.Length - start) / 2);
            var header = new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = (ushort)start, CsumOffset = (ushort)offset };
            _memory.Clear();
            _memory.Add(header, frame, RandomPieces());
            (_, byte[] actual) = Assert.Single(Finish(Offloads.None));
            AssertSame(SlowOffload.Checksum(frame, start, offset), actual, $"start {start} offset {offset} of {frame.Length}");
        }
    }

    [Fact]
    public void AReceiverThatFinishesChecksumsGetsSegmentsWithPartialOnes()
    {
        FrameBuilder frame = new() { Tcp = true, Payload = RandomBytes(5000), Tags = [(0x8100, 7)] };
        _memory.Add(frame.Header(1400), frame.Partial(), 20, 33);
        List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.Checksum);
        List<byte[]> expected = SlowOffload.Segment(frame, 1400);
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            VirtioNetHeader header = actual[i].Header;
            Assert.Equal(VirtioNetHeader.F_NEEDS_CSUM, header.Flags);
            Assert.Equal(VirtioNetHeader.GSO_NONE, header.GsoType);
            Assert.Equal(frame.TransportOffset, header.CsumStart);
            AssertSame(expected[i], SlowOffload.Checksum(actual[i].Frame, header.CsumStart, header.CsumOffset), $"segment {i}");
        }
    }

    [Fact]
    public void WhatTheReceiverTakesStaysWhole()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = RandomBytes(9000) };
        FrameBuilder udp = new() { Payload = RandomBytes(3000) };
        _memory.Add(tcp.Header(1460), tcp.Partial(), 54, 4096);
        _memory.Add(udp.Header(1000), udp.Partial());
        _memory.Add(default, tcp.Finished());
        _memory.Add(tcp.Header(1460, ecn: true), tcp.Partial());
        List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.Checksum | Offloads.Tso4);
        Assert.Equal(1 + 3 + 1 + 7, actual.Count);
        Assert.Equal(tcp.Header(1460), actual[0].Header);
        Assert.Equal(tcp.Partial(), actual[0].Frame);
        Assert.Equal(tcp.Finished(), actual[4].Frame);
        Assert.True(OffloadPolicy.CanPass(_memory.Burst, [0, 2], Offloads.Checksum | Offloads.Tso4));
        Assert.False(OffloadPolicy.CanPass(_memory.Burst, _memory.Burst.AllFrames, Offloads.Checksum | Offloads.Tso4));
        Assert.Equal(Offloads.Checksum | Offloads.Tso4 | Offloads.Ecn | Offloads.Uso4 | Offloads.Uso6, _memory.Burst.Unfinished);
    }

    [Fact]
    public void ASmallFrameWithASegmentSizeIsOneFrame()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = RandomBytes(1000), TcpFlags = 0x99 };
        _memory.Add(tcp.Header(1460), tcp.Partial());
        (VirtioNetHeader header, byte[] frame) = Assert.Single(Finish(Offloads.None));
        Assert.Equal(default, header);
        Assert.Equal(tcp.Finished(), frame);
        (header, frame) = Assert.Single(Finish(Offloads.Checksum));
        Assert.Equal(VirtioNetHeader.GSO_NONE, header.GsoType);
        Assert.Equal(tcp.Partial(), frame);
    }

    [Fact]
    public void MoreThanABurstComesInRounds()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = RandomBytes(60_000) };
        FrameBuilder udp = new() { Payload = RandomBytes(30_000) };
        for (int i = 0; i < 6; i++)
        {
            _memory.Add(tcp.Header(150), tcp.Partial(), 66);
            _memory.Add(default, udp.Finished());
            _memory.Add(udp.Header(1400), udp.Partial(), 42, 3, 5, 7);
        }

        List<byte[]> expected = [];
        for (int i = 0; i < 6; i++)
        {
            expected.AddRange(SlowOffload.Segment(tcp, 150));
            expected.Add(udp.Finished());
            expected.AddRange(SlowOffload.Segment(udp, 1400));
        }

        List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.None);
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            AssertSame(expected[i], actual[i].Frame, $"frame {i}");
        }
    }

    [Fact]
    public void HeadersThatLieAreCountedAndSkipped()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = RandomBytes(9000) };
        _memory.Add(tcp.Header(1460) with { GsoSize = 0 }, tcp.Partial());
        _memory.Add(tcp.Header() with { CsumStart = 60_000 }, tcp.Partial());
        _memory.Add(tcp.Header(), tcp.Partial());
        Assert.Equal(SlowOffload.Checksum(tcp.Partial(), tcp.TransportOffset, 16), Assert.Single(Finish(Offloads.None)).Frame);
        var drops = default(FrameCounters);
        _finisher.CountDrops(ref drops);
        Assert.Equal(2, drops.Drops[(int)DropReason.BadHeader]);
    }

    [Fact]
    public void AFrameOfTooManyPiecesIsDroppedAlone()
    {
        FrameBuilder udp = new() { Payload = RandomBytes(3000) };
        int[] pieces = new int[1023];
        Array.Fill(pieces, 1);
        pieces[0] = 1100;
        _memory.Add(default, udp.Finished());
        _memory.Add(udp.Header() with { CsumOffset = 1000 }, udp.Partial(), pieces);
        _memory.Add(default, udp.Finished());
        Assert.Equal(2, Finish(Offloads.None).Count);
        var drops = default(FrameCounters);
        _finisher.CountDrops(ref drops);
        Assert.Equal(1, drops.Drops[(int)DropReason.Offload]);
    }

    private List<(VirtioNetHeader Header, byte[] Frame)> Finish(Offloads accepts)
    {
        var result = new List<(VirtioNetHeader, byte[])>();
        _finisher.Begin(_memory.Burst, _memory.Burst.AllFrames, accepts);
        while (_finisher.FillRound())
        {
            for (int i = 0; i < _finisher.Output.Count; i++)
            {
                result.Add((_finisher.Output.Header(i), BurstMemory.Read(_finisher.Output, i)));
            }
        }

        return result;
    }

    private FrameBuilder RandomFrame(int payload)
    {
        bool ipv6 = _random.Next(2) == 0;
        return new FrameBuilder
        {
            IPv6 = ipv6,
            Tcp = _random.Next(2) == 0,
            Options = _random.Next(3),
            TcpOptions = _random.Next(11),
            TcpFlags = (byte)_random.Next(256),
            Sequence = (uint)_random.NextInt64(),
            Identification = (ushort)_random.Next(65536),
            Tags = [.. new (ushort, ushort)[] { (0x88a8, 3), (0x8100, 9) }.Take(_random.Next(3))],
            SourceAddress = RandomBytes(ipv6 ? 16 : 4),
            DestinationAddress = RandomBytes(ipv6 ? 16 : 4),
            Payload = RandomBytes(payload),
        };
    }

    private int[] RandomPieces()
    {
        int[] pieces = new int[_random.Next(12)];
        for (int i = 0; i < pieces.Length; i++)
        {
            pieces[i] = _random.Next(1, _random.Next(2) == 0 ? 40 : 4000);
        }

        return pieces;
    }

    private byte[] RandomBytes(int length)
    {
        byte[] bytes = new byte[length];
        _random.NextBytes(bytes);
        return bytes;
    }

    private static void AssertSame(byte[] expected, byte[] actual, string what)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            int at = expected.AsSpan().CommonPrefixLength(actual);
            Assert.Fail($"{what}: lengths {expected.Length} and {actual.Length}, first difference at byte {at}");
        }
    }
}
