using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class OffloadFinisherTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly OffloadFinisher _finisher = new();
    private readonly RandomFrames _random = new(4);

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
            FrameBuilder frame = PlaceSegmented(large: i % 20 == 0, out List<byte[]> expected);
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
            FrameBuilder frame = _random.Frame(_random.Next(0, 2000));
            _memory.Clear();
            _memory.Add(frame.Header(), frame.Partial(), _random.Pieces());
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
            byte[] frame = _random.Bytes(_random.Next(60, 3000));
            int start = _random.Next(34, frame.Length - 2);
            int offset = 2 * _random.Next(0, (frame.Length - start) / 2);
            var header = new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = (ushort)start, CsumOffset = (ushort)offset };
            _memory.Clear();
            _memory.Add(header, frame, _random.Pieces());
            (_, byte[] actual) = Assert.Single(Finish(Offloads.None));
            AssertSame(SlowOffload.Checksum(frame, start, offset), actual, $"start {start} offset {offset} of {frame.Length}");
        }
    }

    [Fact]
    public void AReceiverThatFinishesChecksumsGetsSegmentsWithPartialOnes()
    {
        FrameBuilder frame = new() { Tcp = true, Payload = _random.Bytes(5000), Tags = [(0x8100, 7)] };
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

    /// <summary>Most such segments come from a template of their own, in pairs or with a payload of several slices.</summary>
    [Fact]
    public void AnySegmentWithAPartialChecksumIsThatOfTheSlowOne()
    {
        for (int i = 0; i < 600; i++)
        {
            FrameBuilder frame = PlaceSegmented(large: i % 20 == 0, out List<byte[]> expected);
            List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.Checksum);
            Assert.Equal(expected.Count, actual.Count);
            for (int s = 0; s < expected.Count; s++)
            {
                Assert.Equal(VirtioNetHeader.F_NEEDS_CSUM, actual[s].Header.Flags);
                byte[] finished = SlowOffload.Checksum(actual[s].Frame, frame.TransportOffset, frame.ChecksumOffset);
                AssertSame(expected[s], finished, $"frame {i} segment {s} of {frame}");
            }
        }
    }

    [Fact]
    public void WhatTheReceiverTakesStaysWhole()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = _random.Bytes(9000) };
        FrameBuilder udp = new() { Payload = _random.Bytes(3000) };
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

    /// <summary>A UDP checksum of 0 says that there is none (RFC 768, RFC 8200 section 8.1), so that a sum which comes to 0 is sent as 0xffff.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASegmentWhoseSumIsNothingStillHasAChecksum(bool ipv6)
    {
        const ushort size = 1000;
        FrameBuilder one = new()
        {
            IPv6 = ipv6,
            SourceAddress = ipv6 ? _random.Bytes(16) : [10, 1, 0, 1],
            DestinationAddress = ipv6 ? _random.Bytes(16) : [10, 1, 0, 2],
            Payload = _random.Bytes(size),
        };
        byte[] payload = SumsToNothing(one);
        FrameBuilder whole = one with { Payload = [.. payload, .. payload, .. payload] };
        _memory.Add(whole.Header(size), whole.Partial());
        List<(VirtioNetHeader Header, byte[] Frame)> actual = Finish(Offloads.None);
        Assert.Equal(3, actual.Count);
        Assert.All(actual, s => Assert.Equal([0xff, 0xff], s.Frame[(one.TransportOffset + one.ChecksumOffset)..][..2]));
    }

    [Fact]
    public void ASmallFrameWithASegmentSizeIsOneFrame()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = _random.Bytes(1000), TcpFlags = 0x99 };
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
        FrameBuilder tcp = new() { Tcp = true, Payload = _random.Bytes(60_000) };
        FrameBuilder udp = new() { Payload = _random.Bytes(30_000) };
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
        FrameBuilder tcp = new() { Tcp = true, Payload = _random.Bytes(9000) };
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
        FrameBuilder udp = new() { Payload = _random.Bytes(3000) };
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

    /// <summary>The payload of a datagram with other last bytes, so that the sum over all of it, its pseudo header included, comes to nothing.</summary>
    private static byte[] SumsToNothing(FrameBuilder datagram)
    {
        byte[] payload = [.. datagram.Payload[..^2], 0, 0];
        byte[] frame = (datagram with { Payload = payload }).Finished();
        frame.AsSpan(datagram.TransportOffset + datagram.ChecksumOffset, 2).CopyTo(payload.AsSpan(payload.Length - 2));
        return payload;
    }

    /// <summary>Makes a random frame that is to be segmented the only one of the burst, and says what it is to become.</summary>
    private FrameBuilder PlaceSegmented(bool large, out List<byte[]> expected)
    {
        FrameBuilder frame = _random.Frame(_random.Next(1, large ? 65000 : 6000));
        int gsoSize = _random.Next(Math.Max(1, frame.Payload.Length / 300), 3000);
        _memory.Clear();
        _memory.Add(frame.Header((ushort)gsoSize, ecn: frame.Tcp && (frame.TcpFlags & 0x80) != 0), frame.Partial(), _random.Pieces());
        expected = SlowOffload.Segment(frame, gsoSize);
        return frame;
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

    private static void AssertSame(byte[] expected, byte[] actual, string what)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            int at = expected.AsSpan().CommonPrefixLength(actual);
            Assert.Fail($"{what}: lengths {expected.Length} and {actual.Length}, first difference at byte {at}");
        }
    }
}
