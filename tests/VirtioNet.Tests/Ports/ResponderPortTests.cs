using System.Net;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class ResponderPortTests : IDisposable
{
    private readonly TestLoop _loop = new();
    private readonly ResponderPort _port;
    private readonly CollectorPort _guest;

    public ResponderPortTests()
    {
        _port = new ResponderPort("responder", new ResponderOptions { Mtu = 1400, Addresses = [InterfaceAddress.Parse("10.0.2.2/24"), InterfaceAddress.Parse("fe80::2/64")] }, _loop.Context);
        _guest = CollectorPort.Join(_port, Offloads.None);
    }

    public void Dispose()
    {
        _port.Dispose();
        _guest.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void AnswersArpForItsAddress()
    {
        byte[] reply = Ask(Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, Craft.Arp(1, Craft.GuestMac, "10.0.2.15", new byte[6], "10.0.2.2")));
        Assert.Equal(60, reply.Length);
        Assert.Equal(Craft.Ethernet(Craft.GuestMac, Craft.ResponderMac, 0x0806, Craft.Arp(2, Craft.ResponderMac, "10.0.2.2", Craft.GuestMac, "10.0.2.15")), reply[..42]);
        Assert.All(reply[42..], b => Assert.Equal(0, b));
    }

    [Fact]
    public void KeepsTheVlanTag()
    {
        byte[] reply = Ask(Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x8100, [0x20, 0x07, 0x08, 0x06], Craft.Arp(1, Craft.GuestMac, "10.0.2.15", new byte[6], "10.0.2.2")));
        Assert.Equal(Craft.Ethernet(Craft.GuestMac, Craft.ResponderMac, 0x8100, [0x20, 0x07, 0x08, 0x06], Craft.Arp(2, Craft.ResponderMac, "10.0.2.2", Craft.GuestMac, "10.0.2.15")), reply[..46]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(56)]
    [InlineData(57)]
    [InlineData(8972)]
    [InlineData(65000)]
    public void AnswersPing(int size)
    {
        byte[] data = [0xab, 0xcd, 0, 1, .. Craft.Pattern(size)];
        byte[] reply = Ask(Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", "10.0.2.2", 1, Craft.Icmp(8, 0, data))));
        Craft.AssertIPv4(reply);
        Assert.Equal(Craft.GuestMac, reply[..6]);
        Assert.Equal(Craft.ResponderMac, reply[6..12]);
        Assert.Equal([.. Craft.Ip("10.0.2.2"), .. Craft.Ip("10.0.2.15")], reply[26..34]);
        Assert.Equal([0, 0], reply[34..36]);
        Assert.Equal(data, reply[38..(38 + data.Length)]);
    }

    [Fact]
    public void AnswersPingWithIpOptions()
    {
        byte[] packet = Craft.IPv4("10.0.2.15", "10.0.2.2", 1, Craft.Icmp(8, 0, [1, 2, 3, 4, 5]), [1, 1, 1, 0]);
        Craft.AssertIPv4(Ask(Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, packet)));
    }

    [Fact]
    public void AnswersPingV6()
    {
        byte[] data = [0xab, 0xcd, 0, 1, .. Craft.Pattern(101)];
        byte[] message = Craft.IcmpV6("fe80::15", "fe80::2", 128, 0, data);
        byte[] reply = Ask(Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, Craft.IPv6("fe80::15", "fe80::2", 58, 64, message)));
        Craft.AssertIPv6(reply);
        Assert.Equal([.. Craft.Ip("fe80::2"), .. Craft.Ip("fe80::15"), 129, 0], reply[22..56]);
        Assert.Equal(data, reply[58..]);
    }

    [Theory]
    [InlineData("fe80::15", new byte[] { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, "fe80::15", 0x60)]
    [InlineData("::", new byte[] { 0x33, 0x33, 0, 0, 0, 1 }, "ff02::1", 0x20)]
    public void AnswersNeighbourSolicitation(string asker, byte[] toMac, string to, byte flags)
    {
        byte[] message = Craft.IcmpV6(asker, "ff02::1:ff00:2", 135, 0, [0, 0, 0, 0, .. Craft.Ip("fe80::2"), 1, 1, .. Craft.GuestMac]);
        byte[] reply = Ask(Craft.Ethernet([0x33, 0x33, 0xff, 0, 0, 2], Craft.GuestMac, 0x86dd, Craft.IPv6(asker, "ff02::1:ff00:2", 58, 255, message)));
        Craft.AssertIPv6(reply);
        Assert.Equal(toMac, reply[..6]);
        Assert.Equal(86, reply.Length);
        Assert.Equal([255, .. Craft.Ip("fe80::2"), .. Craft.Ip(to), 136, 0], reply[21..56]);
        Assert.Equal([flags, 0, 0, 0, .. Craft.Ip("fe80::2"), 2, 1, .. Craft.ResponderMac], reply[58..]);
    }

    [Fact]
    public void HandsOutAnAddress()
    {
        byte[] offer = Ask(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 0x1234, Craft.GuestMac, broadcast: true)));
        Craft.AssertIPv4(offer);
        Assert.Equal(Craft.BroadcastMac, offer[..6]);
        Assert.Equal(Craft.Ip("255.255.255.255"), offer[30..34]);
        Dictionary<byte, byte[]> options = Craft.DhcpOptions(offer[42..]);
        Assert.Equal([2], options[53]);
        Assert.Equal(Craft.Ip("10.0.2.15"), offer[58..62]);

        byte[] ack = Ask(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(3, 0x1235, Craft.GuestMac, false, null, [50, 4, .. Craft.Ip("10.0.2.15")], [54, 4, .. Craft.Ip("10.0.2.2")])));
        Craft.AssertIPv4(ack);
        Assert.Equal(Craft.GuestMac, ack[..6]);
        Assert.Equal(Craft.Ip("10.0.2.15"), ack[30..34]);
        options = Craft.DhcpOptions(ack[42..]);
        Assert.Equal([5], options[53]);
        Assert.Equal(Craft.Ip("10.0.2.2"), options[54]);
        Assert.Equal(Craft.Ip("255.255.255.0"), options[1]);
        Assert.Equal(Craft.Ip("10.0.2.2"), options[3]);
        Assert.Equal(Craft.Ip("10.0.2.2"), options[6]);
        Assert.Equal(Craft.Word(1400), options[26]);
        Assert.Equal([0, 1, 0x51, 0x80], options[51]);

        // The same client keeps its address, another one gets the next.
        Assert.Equal(Craft.Ip("10.0.2.15"), Ask(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac)))[58..62]);
        byte[] other = [2, 0, 0, 0, 0, 9];
        Assert.Equal(Craft.Ip("10.0.2.16"), Ask(Craft.DhcpFrame(other, Craft.Dhcp(1, 2, other)))[58..62]);
    }

    [Fact]
    public void RefusesAForeignAddress()
    {
        byte[] nak = Ask(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(3, 7, Craft.GuestMac, false, null, [50, 4, .. Craft.Ip("192.168.1.5")])));
        Craft.AssertIPv4(nak);
        Assert.Equal([6], Craft.DhcpOptions(nak[42..])[53]);
        Assert.Equal(Craft.BroadcastMac, nak[..6]);
    }

    [Fact]
    public void AnswersInform()
    {
        byte[] ack = Ask(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(8, 7, Craft.GuestMac, false, "10.0.2.77"), "10.0.2.77"));
        Craft.AssertIPv4(ack);
        Assert.Equal([5], Craft.DhcpOptions(ack[42..])[53]);
        Assert.Equal(Craft.Ip("10.0.2.77"), ack[30..34]);
        Assert.Equal(new byte[4], ack[58..62]);
        Assert.False(Craft.DhcpOptions(ack[42..]).ContainsKey(51));
    }

    [Fact]
    public void AFullLeaseTableKeepsWhoHasAnAddress()
    {
        using var port = new ResponderPort("small", new ResponderOptions { LeaseCount = 2 }, _loop.Context);
        using CollectorPort guest = CollectorPort.Join(port);
        byte[][] macs = [.. Enumerable.Range(1, 4).Select(i => new byte[] { 2, 0, 0, 0, 0, (byte)i })];
        guest.Send(default, Craft.DhcpFrame(macs[0], Craft.Dhcp(3, 1, macs[0], false, null, [50, 4, .. Craft.Ip("10.0.2.15")])));
        guest.Send(default, Craft.DhcpFrame(macs[1], Craft.Dhcp(1, 1, macs[1])));
        guest.Send(default, Craft.DhcpFrame(macs[2], Craft.Dhcp(1, 1, macs[2])));
        guest.Send(default, Craft.DhcpFrame(macs[2], Craft.Dhcp(3, 1, macs[2], false, null, [50, 4, .. Craft.Ip("10.0.2.16")])));
        guest.Send(default, Craft.DhcpFrame(macs[3], Craft.Dhcp(1, 1, macs[3])));
        _loop.Drain();
        Assert.Equal([5, 2, 2, 5], guest.Frames.Select(f => Craft.DhcpOptions(f[42..])[53][0]));
        Assert.Equal([15, 16, 16, 16], guest.Frames.Select(f => f[61]));
    }

    public static TheoryData<string, byte[]> Unanswered => new()
    {
        { "empty", [] },
        { "cut Ethernet header", Craft.Pattern(13) },
        { "ARP for somebody else", Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, Craft.Arp(1, Craft.GuestMac, "10.0.2.15", new byte[6], "10.0.2.3")) },
        { "cut ARP", Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, Craft.Arp(1, Craft.GuestMac, "10.0.2.15", new byte[6], "10.0.2.2")[..27]) },
        { "ARP reply", Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, Craft.Arp(2, Craft.GuestMac, "10.0.2.15", new byte[6], "10.0.2.2")) },
        { "ping of somebody else", Ping(p => p, "10.0.2.9") },
        { "ping to another station", Ping(p => { p[5] ^= 1; return p; }) },
        { "bad ICMP checksum", Ping(p => { p[^1] ^= 1; return p; }) },
        { "bad IP checksum", Ping(p => { p[24] ^= 1; return p; }) },
        { "IP length beyond the frame", Ping(p => p[..^1]) },
        { "IP header cut", Ping(p => p[..33]) },
        { "cut DHCP", Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac)[..239]) },
        { "DHCP without a type", Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(0, 1, Craft.GuestMac)) },
        { "DHCP option past the end", Craft.DhcpFrame(Craft.GuestMac, [.. Craft.Dhcp(1, 1, Craft.GuestMac)[..240], 53, 200, 1]) },
        { "cut IPv6", Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, Craft.IPv6("fe80::15", "fe80::2", 58, 64, Craft.IcmpV6("fe80::15", "fe80::2", 128, 0, [1, 2, 3, 4]))[..45]) },
        { "solicitation from afar", Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, Craft.IPv6("fe80::15", "fe80::2", 58, 254, Craft.IcmpV6("fe80::15", "fe80::2", 135, 0, [0, 0, 0, 0, .. Craft.Ip("fe80::2")]))) },
        { "unknown type", Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x88cc, Craft.Pattern(100)) },
    };

    [Theory]
    [MemberData(nameof(Unanswered))]
    public void SwallowsWhatItDoesNotAnswer(string what, byte[] frame)
    {
        Assert.Equal(1, _guest.Send(default, frame));
        _loop.Drain();
        Assert.True(_guest.Frames.Count == 0, what);
        Assert.Equal(1, _port.EgressCounters.Frames);
    }

    [Fact]
    public void CutRequestsOfEveryLengthAreHarmless()
    {
        byte[][] requests =
        [
            Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac, options: [[55, 3, 1, 3, 6]])), Ping(p => p),
            Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x8100, Craft.Pattern(60)),
        ];
        foreach (byte[] request in requests)
        {
            for (int length = 0; length < request.Length; length++)
            {
                Assert.Equal(1, _guest.Send(default, request[..length]));
            }
        }

        _loop.Drain();
        Assert.Empty(_guest.Frames);
    }

    [Fact]
    public void NothingLeavesFromWithinDeliver()
    {
        Assert.Equal(1, _guest.Send(default, Ping(p => p)));
        Assert.Equal(0, _guest.Deliveries);
        _loop.Drain();
        Assert.Equal(1, _guest.Deliveries);
    }

    [Fact]
    public void AFullQueueDropsAndCounts()
    {
        _guest.Room = 0;
        byte[] ping = Ping(p => p, size: 60000);
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(1, _guest.Send(default, ping));
        }

        _loop.Drain();
        Assert.True(_guest.HasWaiter);
        long dropped = _port.IngressCounters.Drops[(int)DropReason.NoBuffers];
        Assert.InRange(dropped, 20, 30);
        _guest.MakeRoom(1);
        _loop.Drain();
        Assert.Single(_guest.Frames);
        _guest.MakeRoom(int.MaxValue);
        _loop.Drain();
        Assert.Equal(40 - dropped, _guest.Frames.Count);
        Assert.Equal(40 - dropped, _port.IngressCounters.Frames);
        Assert.All(_guest.Frames, f => Craft.AssertIPv4(f));
    }

    [Fact]
    public void ALeaseRangeOutsideTheNetworkIsRefused()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => new ResponderPort("r", new ResponderOptions { Addresses = [InterfaceAddress.Parse("192.168.7.1/24")] }, _loop.Context));
        Assert.Contains("10.0.2.15", e.Message, StringComparison.Ordinal);
        Assert.Contains("192.168.7.1/24", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreNameServersThanAnOptionHoldsAreRefused()
    {
        IPAddress[] many = [.. Enumerable.Range(1, 80).Select(i => new IPAddress([10, 0, 3, (byte)i]))];
        ArgumentException e = Assert.Throws<ArgumentException>(() => new ResponderPort("r", new ResponderOptions { Dns = many }, _loop.Context));
        Assert.Contains("80 name servers", e.Message, StringComparison.Ordinal);
        Assert.Contains("63", e.Message, StringComparison.Ordinal);

        // As many as there is room for are all told.
        using var port = new ResponderPort("r", new ResponderOptions { Dns = many[..ResponderOptions.DnsMax], Mtu = 1500 }, _loop.Context);
        using CollectorPort guest = CollectorPort.Join(port);
        guest.Send([Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac))]);
        _loop.Drain();
        Dictionary<byte, byte[]> options = Craft.DhcpOptions(Assert.Single(guest.Frames)[42..]);
        Assert.Equal(many[..63].SelectMany(a => a.GetAddressBytes()), options[6]);
    }

    [Fact]
    public void AFaultStopsTheAnswersForAWhile()
    {
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        _port.RevivalClock = clock;
        _loop.Context.ScheduleOneShot(() => _port.Fault("responder.out", new InvalidOperationException("planted")), "fault");
        _loop.Drain();
        Assert.Equal(1, _guest.Send([Ping(f => f)]));
        _loop.Drain();
        Assert.Empty(_guest.Frames);
        clock.Advance(Port.RevivalMinNs + 1);
        _loop.Drain();
        Assert.Single(_guest.Frames);
        Assert.Equal((1, null), (_port.Faults, _port.FaultReason));
    }

    private static byte[] Ping(Func<byte[], byte[]> change, string target = "10.0.2.2", int size = 56) =>
        change(Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", target, 1, Craft.Icmp(8, 0, [1, 2, 3, 4, .. Craft.Pattern(size)]))));

    private byte[] Ask(byte[] request)
    {
        _guest.Frames.Clear();
        Assert.Equal(1, _guest.Send([request], piece: 100));
        _loop.Drain();
        return Assert.Single(_guest.Frames);
    }
}
