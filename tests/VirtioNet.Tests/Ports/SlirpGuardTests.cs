using System.Buffers.Binary;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class SlirpGuardTests
{
    private static readonly UserOptions s_options = new();
    private readonly SlirpGuard _guard = new(SlirpAddresses.From(s_options), s_options.Network6.PrefixLength);

    public static TheoryData<string, byte[]> Unsafe => new()
    {
        { "the 34 bytes that end libslirp", Frame4([0x45, 0, 0, 20, 0, 1, 0, 1, 64, 17, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2]) },
        { "no Ethernet header", new byte[13] },
        { "ARP cut short", Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, new byte[27]) },
        { "IPv4 header cut short", Frame4(new byte[19]) },
        { "IPv4 of another version", Frame4([0x55, .. Packet(17, Udp())[1..]]) },
        { "IPv4 header of 16 bytes", Frame4([0x44, .. Packet(17, Udp())[1..]]) },
        { "IPv4 header longer than the packet", Frame4(Change(Packet(17, Udp()), 0, 0x4f)) },
        { "IPv4 length beyond the frame", Frame4(Change(Packet(17, Udp()), 3, 200)) },
        { "IPv4 length below the header", Frame4(Change(Packet(17, Udp()), 3, 19)) },
        { "TCP cut short", Frame4(Packet(6, new byte[19])) },
        { "TCP offset of 4", Frame4(Packet(6, Tcp(2, offset: 1))) },
        { "TCP offset beyond the segment", Frame4(Packet(6, Tcp(2, offset: 6))) },
        { "UDP cut short", Frame4(Packet(17, new byte[7])) },
        { "UDP length below 8", Frame4(Packet(17, Change(Udp(), 5, 7))) },
        { "UDP length beyond the packet", Frame4(Packet(17, Change(Udp(), 5, 200))) },
        { "ICMP cut short", Frame4(Packet(1, new byte[7])) },
        { "IPv6 header cut short", Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, new byte[39]) },
        { "IPv6 length beyond the frame", Frame6(17, Udp(), cut: 1) },
        { "IPv6 fragment", Frame6(44, [17, 0, 0, 1, 0, 0, 0, 1, .. Udp()]) },
        { "TCP over IPv6 cut short", Frame6(6, new byte[19]) },
        { "UDP over IPv6 of no length", Frame6(17, Change(Udp(), 5, 0)) },
        { "IPv4 loopback", Frame4(Packet(17, Udp(), "127.0.0.1")) },
        { "IPv4 loopback by another name", Frame4(Packet(6, Tcp(2), "127.9.9.9")) },
        { "IPv4 unspecified", Frame4(Packet(6, Tcp(2), "0.0.0.0")) },
        { "IPv6 loopback", Frame6(6, Tcp(2), "::1") },
        { "IPv6 unspecified", Frame6(6, Tcp(2), "::") },
        { "IPv4 loopback in IPv6", Frame6(6, Tcp(2), "::ffff:127.0.0.1") },
        { "ICMPv6 cut short", Frame6(58, new byte[3]) },
    };

    [Theory]
    [MemberData(nameof(Unsafe))]
    public void WhatTheLibraryCannotBeTrustedWithIsRefused(string what, byte[] frame)
    {
        Assert.Equal((what, SlirpVerdict.Refuse), (what, _guard.Judge(frame, out SlirpFlow flow, out _)));
        Assert.Equal(SlirpFlowKind.None, flow.Kind);
    }

    [Fact]
    public void NoFragmentPassesWhateverItsFieldSays()
    {
        byte[] frame = Frame4(Packet(17, Udp()));
        int passed = 0;
        for (int field = 0; field <= ushort.MaxValue; field++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), (ushort)field);
            passed += _guard.Judge(frame, out _, out _) == SlirpVerdict.Pass ? 1 : 0;
        }

        // Nothing, or "don't fragment" alone.
        Assert.Equal(2, passed);
    }

    [Theory]
    [InlineData(0x8100, 0x0800)]
    [InlineData(0x88f8, 0)]
    [InlineData(0x88a8, 0)]
    public void OtherProtocolsDoNotReachIt(int type, int inner)
    {
        byte[] frame = Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, (ushort)type, [0, 5, .. Craft.Word((ushort)inner)], Packet(17, Udp()));
        Assert.Equal(SlirpVerdict.Ignore, _guard.Judge(frame, out _, out _));
    }

    [Theory]
    [InlineData(0x02 | 0x20, 9)]
    [InlineData(0x18 | 0x20, 65535)]
    [InlineData(0x18 | 0x20, 0)]
    public void UrgentDataLoseTheirMark(byte flags, int pointer)
    {
        byte[] segment = Tcp(flags, pointer: (ushort)pointer);
        byte[] frame = Frame4(Packet(6, segment));
        Craft.AssertIPv4(frame);
        Assert.Equal(SlirpVerdict.Pass, _guard.Judge(frame, out SlirpFlow flow, out _));
        Craft.AssertIPv4(frame);
        Assert.Equal(flags & ~0x20, frame[47]);
        Assert.Equal([0, 0], frame[52..54]);
        Assert.Equal((flags & 2) != 0 ? SlirpFlowKind.TcpOpen : SlirpFlowKind.TcpSegment, flow.Kind);
    }

    [Fact]
    public void WhatMayOpenASocketIsTold()
    {
        Assert.Equal(SlirpFlowKind.TcpOpen, Kind(Frame4(Packet(6, Tcp(0x02)))));
        Assert.Equal(SlirpFlowKind.TcpOpen, Kind(Frame6(6, Tcp(0xc2))));
        Assert.Equal(SlirpFlowKind.TcpSegment, Kind(Frame4(Packet(6, Tcp(0x12)))));
        Assert.Equal(SlirpFlowKind.TcpSegment, Kind(Frame4(Packet(6, Tcp(0x03)))));
        Assert.Equal(SlirpFlowKind.Udp4, Kind(Frame4(Packet(17, Udp()))));
        Assert.Equal(SlirpFlowKind.Udp6, Kind(Frame6(17, Udp())));
        Assert.Equal(SlirpFlowKind.Udp6, Kind(Frame6(17, Udp(to: 547), "2001:db8::1")));
        Assert.Equal(SlirpFlowKind.Ping, Kind(Frame4(Packet(1, Craft.Icmp(8, 0, [1, 2, 3, 4]), "192.0.2.1"))));
        Assert.Equal(SlirpFlowKind.None, Kind(Frame4(Packet(1, Craft.Icmp(8, 0, [1, 2, 3, 4]), "10.0.2.2"))));
        Assert.Equal(SlirpFlowKind.None, Kind(Frame6(17, Udp(to: 547), "ff02::1:2")));
        Assert.Equal(SlirpFlowKind.None, Kind(Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac))));
    }

    [Fact]
    public void TheHostsLoopbackIsKnownByItsAddresses()
    {
        Assert.True(IsLoopback(Frame4(Packet(6, Tcp(2), "10.0.2.2"))));
        Assert.True(IsLoopback(Frame4(Packet(17, Udp(), "255.255.255.255"))));
        Assert.True(IsLoopback(Frame6(6, Tcp(2), "fec0::2")));
        Assert.True(IsLoopback(Frame6(6, Tcp(2), "fec0::77")));
        Assert.False(IsLoopback(Frame4(Packet(17, Udp(to: 53), "10.0.2.3"))));
        Assert.False(IsLoopback(Frame4(Packet(6, Tcp(2), "192.0.2.1"))));
        Assert.False(IsLoopback(Frame6(17, Udp(to: 53), "fec0::3")));
    }

    [Fact]
    public void ARandomFrameThatPassesIsSound()
    {
        var random = new Random(1);
        int passed = 0;
        for (int i = 0; i < 300_000; i++)
        {
            byte[] frame = i % 2 == 0 ? Frame4(Packet((byte)(i % 3 == 0 ? 6 : 17), i % 3 == 0 ? Tcp(2) : Udp())) : Frame6((byte)(i % 3 == 0 ? 6 : 17), i % 3 == 0 ? Tcp(2) : Udp());
            for (int change = random.Next(3); change > 0; change--)
            {
                frame[random.Next(12, frame.Length)] = (byte)random.Next(256);
            }

            frame = i % 8 < 6 ? frame : frame[..random.Next(frame.Length / 2, frame.Length)];
            if (_guard.Judge(frame, out _, out _) == SlirpVerdict.Pass)
            {
                passed++;
                AssertSound(frame);
            }
        }

        Assert.InRange(passed, 75_000, 280_000);
    }

    /// <summary>What the library relies on, written down a second time.</summary>
    private static void AssertSound(byte[] frame)
    {
        int type = (frame[12] << 8) | frame[13];
        if (type == 0x0806)
        {
            Assert.True(frame.Length >= 42);
            return;
        }

        bool four = type == 0x0800;
        Assert.True(four || type == 0x86dd);
        int header = four ? (frame[14] & 15) * 4 : 40;
        int end = 14 + (four ? (frame[16] << 8) | frame[17] : 40 + ((frame[18] << 8) | frame[19]));
        Assert.InRange(end, 14 + header, frame.Length);
        Assert.True(!four || ((frame[20] & 0xbf) | frame[21]) == 0);
        byte[] payload = frame[(14 + header)..end];
        switch (four ? frame[23] : frame[20])
        {
            case 6:
                Assert.InRange((payload[12] >> 4) * 4, 20, payload.Length);
                Assert.Equal(0, payload[13] & 0x20);
                break;
            case 17:
                Assert.InRange((payload[4] << 8) | payload[5], 8, payload.Length);
                break;
            default:
                Assert.True(payload.Length >= 4);
                break;
        }
    }

    private static byte[] Frame4(byte[] packet) => Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, packet);

    private static byte[] Frame6(byte next, byte[] payload, string to = "2001:db8::1", int cut = 0) =>
        Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, Craft.IPv6("fec0::15", to, next, 64, payload)[..^cut]);

    private static byte[] Packet(byte protocol, byte[] payload, string to = "192.0.2.1") => Craft.IPv4("10.0.2.15", to, protocol, payload);

    private static byte[] Udp(ushort to = 9) => Craft.Udp("10.0.2.15", "192.0.2.1", 1000, to, [1, 2, 3, 4]);

    private static byte[] Tcp(byte flags, int offset = 5, ushort pointer = 0)
    {
        byte[] segment = [.. Craft.Word(1000), .. Craft.Word(80), .. new byte[8], (byte)(offset << 4), flags, 0xff, 0xff, 0, 0, .. Craft.Word(pointer)];
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), Craft.Checksum([.. Craft.Pseudo("10.0.2.15", "192.0.2.1", 6, segment.Length), .. segment]));
        return segment;
    }

    private static byte[] Change(byte[] bytes, int at, byte value)
    {
        byte[] changed = [.. bytes];
        changed[at] = value;
        return changed;
    }

    private SlirpFlowKind Kind(byte[] frame)
    {
        Assert.Equal(SlirpVerdict.Pass, _guard.Judge(frame, out SlirpFlow flow, out _));
        return flow.Kind;
    }

    private bool IsLoopback(byte[] frame)
    {
        Assert.Equal(SlirpVerdict.Pass, _guard.Judge(frame, out _, out bool toLoopback));
        return toLoopback;
    }
}
