using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

public sealed class VirtioNetHeaderCheckTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly FrameBuilder _tcp = new() { Tcp = true, Payload = new byte[4000] };

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void WhatLinuxSendsIsValid()
    {
        Assert.True(IsValid(_tcp.Header(1460), _tcp));
        Assert.True(IsValid(_tcp.Header(1460, ecn: true), _tcp));
        Assert.True(IsValid(_tcp.Header(), _tcp));
        FrameBuilder udp = new() { Payload = new byte[4000], Tags = [(0x8100, 5)] };
        Assert.True(IsValid(udp.Header(1200), udp));

        // hdr_len is the length of the linear part of the sender's buffer: longer than the headers, up to the frame.
        Assert.True(IsValid(_tcp.Header(1460) with { HdrLen = 4066 }, _tcp));
        Assert.True(IsValid(_tcp.Header(1460) with { HdrLen = 0 }, _tcp));
    }

    [Fact]
    public void PlainHeadersClaimNothing() =>
        Assert.True(IsValid(new VirtioNetHeader { CsumStart = 60000, CsumOffset = 60000, GsoSize = 7, HdrLen = 60000 }, _tcp));

    [Fact]
    public void ChecksumPastTheFrameIsRefused()
    {
        VirtioNetHeader header = _tcp.Header();
        Assert.False(IsValid(header with { CsumStart = 4067 }, _tcp));
        Assert.False(IsValid(header with { CsumStart = 65535, CsumOffset = 65535 }, _tcp));
        Assert.False(IsValid(header with { CsumOffset = 4066 - 34 - 1 }, _tcp));
        Assert.False(IsValid(header with { CsumStart = 33 }, _tcp));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(VirtioNetHeader.GSO_UDP)]
    [InlineData(VirtioNetHeader.GSO_TCPV6)]
    [InlineData(VirtioNetHeader.GSO_UDP_L4)]
    [InlineData(VirtioNetHeader.GSO_UDP_L4 | VirtioNetHeader.GSO_ECN)]
    [InlineData(VirtioNetHeader.GSO_ECN)]
    [InlineData(0x41)]
    [InlineData(6)]
    public void TypesThatDoNotFitAreRefused(byte type) => Assert.False(IsValid(_tcp.Header(1460) with { GsoType = type }, _tcp));

    [Fact]
    public void LiesAboutSegmentationAreRefused()
    {
        VirtioNetHeader header = _tcp.Header(1460);
        Assert.False(IsValid(header with { GsoSize = 0 }, _tcp));
        Assert.False(IsValid(header with { Flags = 0 }, _tcp));
        Assert.False(IsValid(header with { HdrLen = 4067 }, _tcp));
        Assert.False(IsValid(header with { CsumStart = 32 }, _tcp));
        Assert.False(IsValid(header with { CsumOffset = 6 }, _tcp));
        Assert.False(IsValid(header with { GsoSize = 7 }, _tcp));
        Assert.True(IsValid(header with { GsoSize = 8 }, _tcp));
    }

    /// <summary>There is nothing to divide, and nothing to divide it by.</summary>
    [Fact]
    public void SegmentsOfNoSizeAreRefusedWithoutPayload()
    {
        FrameBuilder empty = _tcp with { Payload = [] };
        Assert.True(IsValid(empty.Header(1460), empty));
        Assert.False(IsValid(empty.Header(1460) with { GsoSize = 0 }, empty));
    }

    [Fact]
    public void FramesWhoseOwnHeadersLieAreRefused()
    {
        VirtioNetHeader header = _tcp.Header(1460);
        Assert.False(IsValid(header, _tcp, f => f[12] = 0x86));
        Assert.False(IsValid(header, _tcp, f => f[14] = 0x4f));
        Assert.False(IsValid(header, _tcp, f => f[14] = 0x44));
        Assert.False(IsValid(header, _tcp, f => f[14] = 0x65));
        Assert.False(IsValid(header, _tcp, f => f[14 + 6] = 0x20));
        Assert.False(IsValid(header, _tcp, f => f[14 + 9] = 17));
        Assert.False(IsValid(header, _tcp, f => f[34 + 12] = 0x40));
        FrameBuilder small = _tcp with { Payload = [] };
        Assert.False(IsValid(small.Header(100), small, f => f[34 + 12] = 0xf0));
    }

    [Fact]
    public void ValidHeadersAreMadeExact()
    {
        VirtioNetHeader header = _tcp.Header(1460) with { HdrLen = 0, Flags = 0xff };
        _memory.Add(header, _tcp.Partial());
        Assert.True(VirtioNetHeaderCheck.TryNormalise(ref header, _memory.Burst, 0, out Offloads needs));
        Assert.Equal(_tcp.Header(1460), header);
        Assert.Equal(Offloads.Checksum | Offloads.Tso4, needs);
        header = _tcp.Header() with { HdrLen = 7 };
        Assert.True(VirtioNetHeaderCheck.TryNormalise(ref header, _memory.Burst, 0, out needs));
        Assert.Equal(34 + 16 + 2, header.HdrLen);
        Assert.Equal(Offloads.Checksum, needs);
        header = _tcp.Header() with { CsumStart = 60000 };
        Assert.False(VirtioNetHeaderCheck.TryNormalise(ref header, _memory.Burst, 0, out _));
    }

    [Fact]
    public void NoHeaderAndNoFrameMakesTheCheckFail()
    {
        var random = new Random(3);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = (random.Next(2) == 0 ? _tcp with { Payload = new byte[40], IPv6 = false } : new FrameBuilder
            {
                IPv6 = true,
                SourceAddress = new byte[16],
                DestinationAddress = new byte[16],
                Options = random.Next(3),
                Tcp = true,
            }).Partial();
            for (int flips = random.Next(6); flips > 0; flips--)
            {
                frame[random.Next(frame.Length)] = (byte)random.Next(256);
            }

            var header = new VirtioNetHeader
            {
                Flags = (byte)random.Next(4),
                GsoType = (byte)(random.Next(8) | (random.Next(2) << 7)),
                GsoSize = (ushort)random.Next(100),
                HdrLen = (ushort)random.Next(200),
                CsumStart = (ushort)random.Next(120),
                CsumOffset = (ushort)random.Next(20),
            };
            _memory.Clear();
            _memory.Add(header, frame.AsSpan(0, random.Next(14, frame.Length)), random.Next(1, 60));
            bool valid = VirtioNetHeaderCheck.IsValid(header, _memory.Burst, 0);
            Assert.Equal(valid, VirtioNetHeaderCheck.TryNormalise(ref header, _memory.Burst, 0, out _));
        }
    }

    private bool IsValid(in VirtioNetHeader header, FrameBuilder builder, Action<byte[]>? change = null)
    {
        byte[] frame = builder.Partial();
        change?.Invoke(frame);
        _memory.Clear();
        _memory.Add(header, frame);
        return VirtioNetHeaderCheck.IsValid(header, _memory.Burst, 0);
    }
}
