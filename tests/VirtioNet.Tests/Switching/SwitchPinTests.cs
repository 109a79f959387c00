using System.Buffers.Binary;
using System.Net;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchPinTests : IDisposable
{
    private static readonly byte[] s_own4 = [10, 0, 0, 5];
    private static readonly byte[] s_other4 = [10, 0, 0, 6];
    private static readonly byte[] s_own6 = IPAddress.Parse("2001:db8::5").GetAddressBytes();
    private static readonly byte[] s_other6 = IPAddress.Parse("2001:db8::6").GetAddressBytes();
    private static readonly byte[] s_linkLocal = IPAddress.Parse("fe80::ff:fe00:1").GetAddressBytes();

    private readonly SwitchFixture _net = new(1);

    public SwitchPinTests() => _net.Join(new SwitchPortOptions
    {
        PinnedMacs = [Address(1)],
        PinnedAddresses = [IPNetwork.Parse("10.0.0.5/32"), IPNetwork.Parse("2001:db8::5/128")],
    });

    public void Dispose() => _net.Dispose();

    [Fact]
    public void OtherEthernetAddressesAreDropped()
    {
        using var net = new SwitchFixture(1);
        net.Join(new SwitchPortOptions { PinnedMacs = [Address(1), Address(1, 2)] });
        net.Send(1, Frame(Station(1), Broadcast), Frame(Station(0), Broadcast), Frame(Station(1, 2), Broadcast), Frame(Station(1, 3), Broadcast));
        Assert.Equal([Frame(Station(1), Broadcast), Frame(Station(1, 2), Broadcast)], net[0].Take());
        Assert.Equal(2, net.Drops(1, DropReason.Filtered));
    }

    [Fact]
    public void OtherIpAddressesAreDropped()
    {
        FrameBuilder four = new() { Source = Station(1), Destination = Broadcast, SourceAddress = s_own4, Payload = new byte[300] };
        FrameBuilder six = four with { IPv6 = true, SourceAddress = s_own6, DestinationAddress = s_other6 };
        Assert.True(Passes(four.Finished()));
        Assert.True(Passes((four with { Options = 10 }).Finished()));
        Assert.True(Passes((four with { Tags = [(0x8100, 7)] }).Finished()));
        Assert.False(Passes((four with { SourceAddress = s_other4 }).Finished()));
        Assert.False(Passes((four with { Tags = [(0x88a8, 1), (0x8100, 7)], SourceAddress = s_other4 }).Finished()));
        Assert.True(Passes(six.Finished()));
        Assert.True(Passes((six with { SourceAddress = s_linkLocal }).Finished()));
        Assert.False(Passes((six with { SourceAddress = s_other6 }).Finished()));
        Assert.False(Passes((six with { SourceAddress = new byte[16] }).Finished()));
    }

    [Fact]
    public void DhcpNeedsNoAddress()
    {
        FrameBuilder dhcp = new() { Source = Station(1), Destination = Broadcast, SourceAddress = new byte[4], Payload = new byte[300], DestinationPort = 67 };
        byte[] frame = dhcp.Finished();
        Assert.False(Passes(frame));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 68);
        Assert.True(Passes(frame));
        frame[23] = 6;
        Assert.False(Passes(frame));
    }

    [Fact]
    public void ArpMayStateOwnAddressesOnly()
    {
        Assert.True(Passes(Arp(Station(1), s_own4)));
        Assert.True(Passes(Arp(Station(1), new byte[4])));
        Assert.False(Passes(Arp(Station(1), s_other4)));
        Assert.False(Passes(Arp(Station(0), s_own4)));
        Assert.False(Passes(Arp(Station(1), s_own4)[..40]));
        byte[] rarp = Arp(Station(1), s_other4);
        rarp[12] = 0x80;
        rarp[13] = 0x35;
        Assert.True(Passes(rarp));
    }

    /// <summary>A reverse ARP request with the port's own Ethernet address and somebody else's inside.</summary>
    [Fact]
    public void ReverseArpMayStateOwnAddressesOnly()
    {
        byte[] own = Arp(Station(1), s_other4), foreign = Arp(Station(0), s_own4);
        foreach (byte[] frame in (byte[][])[own, foreign])
        {
            frame[12] = 0x80;
            frame[13] = 0x35;
        }

        Assert.True(Passes(own));
        Assert.False(Passes(foreign));
        Assert.Equal(1, _net.Drops(1, DropReason.Filtered));
        Assert.True(Passes(own));
    }

    [Fact]
    public void NeighbourDiscoveryMayStateOwnAddressesOnly()
    {
        Assert.True(Passes(Discovery(136, s_linkLocal, s_own6, 2, Station(1))));
        Assert.False(Passes(Discovery(136, s_linkLocal, s_other6, 2, Station(1))));
        Assert.False(Passes(Discovery(136, s_linkLocal, s_own6, 2, Station(0))));
        Assert.True(Passes(Discovery(135, s_own6, s_other6, 1, Station(1))));
        Assert.False(Passes(Discovery(135, s_own6, s_other6, 1, Station(0))));
        Assert.True(Passes(Discovery(135, new byte[16], s_own6, 14, Station(1))));
        Assert.False(Passes(Discovery(136, new byte[16], s_own6, 2, Station(1))));
        Assert.False(Passes(Discovery(134, s_linkLocal, s_own6, 1, Station(1))));
        Assert.False(Passes(Discovery(137, s_linkLocal, s_own6, 1, Station(1))));
        Assert.True(Passes(Discovery(128, s_own6, s_own6, 0, Station(1))));
    }

    [Fact]
    public void DiscoveryDoesNotHideBehindHeadersOrFragments()
    {
        byte[] forged = Discovery(136, s_linkLocal, s_other6, 2, Station(1));
        Assert.False(Passes(WithExtension(forged, 60, new byte[6])));
        Assert.False(Passes(WithExtension(forged, 44, [0, 0, 0, 0, 0, 1])));
        Assert.False(Passes(WithExtension(WithExtension(forged, 60, new byte[6]), 0, new byte[6])));
        Assert.False(Passes(WithExtension(Discovery(136, s_linkLocal, s_own6, 2, Station(1)), 44, [0, 1, 0, 0, 0, 1])));
        Assert.True(Passes(WithExtension(Discovery(128, s_own6, s_own6, 0, Station(1)), 44, [0, 1, 0, 0, 0, 1])));
        Assert.False(Passes(WithExtension(forged, 60, new byte[70])));
        Assert.False(Passes(WithExtension(forged, 60, new byte[78])));
    }

    [Fact]
    public void OtherProtocolsAreDropped()
    {
        byte[] frame = Arp(Station(1), s_own4);
        frame[12] = 0x88;
        frame[13] = 0x47;
        Assert.False(Passes(frame));
    }

    [Fact]
    public unsafe void WhatWasCheckedIsWhatIsDelivered()
    {
        byte[] frame = Arp(Station(1), s_own4);
        _net.Memory.Clear();
        _net.Memory.Add(default, frame);
        _net[0].Delivering = () => new Span<byte>((byte*)_net.Memory.Burst[0].Address, 60).Fill(0xaa);
        _net[1].Send(_net.Memory.Burst);
        Assert.Equal([frame], _net[0].Take());
    }

    [Fact]
    public void BurstsOfPinnedPortsAreDeliveredWhole()
    {
        FrameBuilder tcp = new() { Tcp = true, Source = Station(1), Destination = Broadcast, SourceAddress = s_own4, Payload = new byte[9000] };
        _net.Memory.Clear();
        for (int i = 0; i < 200; i++)
        {
            int[] pieces = [.. Enumerable.Repeat(300, 30)];
            _net.Memory.Add(tcp.Header(3000), tcp.Partial(), pieces);
            if (i % 50 == 49)
            {
                Assert.Equal(_net.Memory.Burst.Count, _net[1].Send(_net.Memory.Burst));
                _net.Memory.Clear();
            }
        }

        Assert.Equal(600, _net[0].Take().Count);
    }

    /// <summary>
    /// Whoever finishes a checksum writes two bytes where virtio_net_hdr says. That must not be a way to change the addresses that were looked at: behind a tag or two, or in
    /// IPv6 and ARP, they lie where a checksum may begin.
    /// </summary>
    [Fact]
    public void AChecksumIsNotWrittenOverWhatWasLookedAt()
    {
        FrameBuilder four = new() { Source = Station(1), Destination = Broadcast, SourceAddress = s_own4, Payload = new byte[100] };
        FrameBuilder six = four with { IPv6 = true, SourceAddress = s_own6, DestinationAddress = s_other6 };
        foreach (FrameBuilder good in (FrameBuilder[])[four, six, four with { Tcp = true }, six with { Options = 2 }, four with { Tags = [(0x8100, 7)] }, four with { Options = 3 }])
        {
            Assert.True(Passes(good.Partial(), good.Header()), $"{good.IPv6} {good.Tcp} {good.Options}");

            // An inner checksum, as that of a tunnel.
            Assert.True(Passes(good.Partial(), good.Header() with { CsumStart = (ushort)(good.PayloadOffset + 20) }));
        }

        FrameBuilder twice = four with { Tags = [(0x8100, 7), (0x8100, 7)] };
        Assert.True(Passes(twice.Partial(), twice.Header()));
        foreach ((byte[] frame, int from, int to) in ((byte[], int, int)[])[(twice.Partial(), 34, 42), (six.Partial(), 34, 54), ((six with { Options = 2 }).Partial(), 34, 70)])
        {
            for (int field = from; field < to; field++)
            {
                Assert.False(Passes(frame, twice.Header() with { CsumStart = 34, CsumOffset = (ushort)(field - 34), HdrLen = 40 }), $"{field}");
            }
        }

        byte[] arp = Arp(Station(1), s_own4), advertisement = Discovery(136, s_linkLocal, s_own6, 2, Station(1));
        Assert.True(Passes([.. arp[..12], 0x81, 0, 0, 7, .. arp[12..]]));
        Assert.False(Passes([.. arp[..12], 0x81, 0, 0, 7, .. arp[12..]], twice.Header() with { CsumStart = 34, CsumOffset = 0, HdrLen = 40 }));
        Assert.True(Passes(advertisement, twice.Header() with { CsumStart = 54, CsumOffset = 2, HdrLen = 60 }));
        Assert.False(Passes(advertisement, twice.Header() with { CsumStart = 54, CsumOffset = 22, HdrLen = 60 }));
        Assert.False(Passes(advertisement, twice.Header() with { CsumStart = 54, CsumOffset = 28, HdrLen = 60 }));
    }

    private bool Passes(byte[] frame, VirtioNetHeader header)
    {
        _net.Memory.Clear();
        _net.Memory.Add(header, frame);
        Assert.Equal(1, _net[1].Send(_net.Memory.Burst));
        return _net[0].Take().Count == 1;
    }

    private bool Passes(byte[] frame)
    {
        _net.Send(1, frame);
        IReadOnlyList<byte[]> received = _net[0].Take();
        if (received.Count == 1)
        {
            Assert.Equal(frame, received[0]);
        }

        return received.Count == 1;
    }

    private static byte[] Arp(byte[] sender, byte[] address)
    {
        byte[] frame = new byte[60];
        Broadcast.CopyTo(frame, 0);
        Station(1).CopyTo(frame, 6);
        byte[] body = [8, 6, 0, 1, 8, 0, 6, 4, 0, 1, .. sender, .. address, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1];
        body.CopyTo(frame, 12);
        return frame;
    }

    private static byte[] Discovery(byte type, byte[] from, byte[] target, byte option, byte[] mac)
    {
        byte[] message = [type, 0, 0, 0, 0, 0, 0, 0, .. target, option, 1, .. mac];
        byte[] header = [0x60, 0, 0, 0, 0, (byte)message.Length, 58, 255, .. from, .. s_other6];
        return [.. Broadcast, .. Station(1), 0x86, 0xdd, .. header, .. message];
    }

    private static byte[] WithExtension(byte[] frame, byte type, byte[] body)
    {
        byte[] result = [.. frame[..54], frame[20], (byte)((body.Length + 2 - 8) / 8), .. body, .. frame[54..]];
        result[20] = type;
        result[19] += (byte)(body.Length + 2);
        return result;
    }
}
