using System.Buffers.Binary;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Pings in fragments: answered in fragments of the MTU, whatever their order; what overlaps, lies or never becomes whole is bounded and counted.</summary>
public sealed class FragmentedPingTests : IDisposable
{
    private const int Mtu = 1400;
    private const string Guest4 = "10.0.2.15";
    private const string Host4 = "10.0.2.2";
    private const string Guest6 = "fe80::15";
    private const string Host6 = "fe80::2";

    private readonly TestLoop _loop = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(1);
    private readonly ResponderPort _port;
    private readonly CollectorPort _guest;

    public FragmentedPingTests()
    {
        var options = new ResponderOptions { Mtu = Mtu, Addresses = [InterfaceAddress.Parse("10.0.2.2/24"), InterfaceAddress.Parse("fe80::2/64")] };
        _port = new ResponderPort("responder", options, _loop.Context, _clock);
        _guest = CollectorPort.Join(_port, Offloads.None);
    }

    public void Dispose()
    {
        _port.Dispose();
        _guest.Dispose();
        _loop.Dispose();
    }

    public static TheoryData<bool, int, int> Pings
    {
        get
        {
            var data = new TheoryData<bool, int, int>();
            foreach (int size in (int[])[3000, 4000, 65_507])
            {
                for (int order = 0; order < 3; order++)
                {
                    data.Add(false, size, order);
                    data.Add(true, Math.Min(size, 65_500), order);
                }
            }

            data.Add(false, 100, 0);
            data.Add(true, 100, 0);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pings))]
    public void AnswersInFragmentsOfTheMtu(bool ipv6, int size, int order)
    {
        byte[] data = [0xab, 0xcd, 0, 1, .. Craft.Pattern(size)];
        List<byte[]> pieces = Pieces(ipv6, data, size < 200 ? 48 : 1480, 77);
        if (order == 1)
        {
            pieces.Reverse();
        }
        else if (order == 2)
        {
            pieces = [.. pieces.OrderBy(p => Craft.Checksum(p))];
        }

        pieces.ForEach(Send);
        byte[] message = Join(ipv6, 77);
        Assert.Equal(ipv6 ? 129 : 0, message[0]);
        Assert.Equal(data, message[4..]);
        Assert.Equal(0, Dropped(DropReason.Unsafe) + Dropped(DropReason.Quota));
    }

    [Fact]
    public void KeepsTheVlanTag()
    {
        foreach (byte[] piece in Pieces(false, Craft.Pattern(3000), 1480, 9))
        {
            Send([.. piece[..12], 0x81, 0, 0x20, 7, .. piece[12..]]);
        }

        Assert.Equal(3, _guest.Frames.Count);
        Assert.All(_guest.Frames, f => Assert.Equal([0x81, 0, 0x20, 7, 8, 0], f[12..18]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OverlappingFragmentsAreRefusedWithAllThatCameBefore(bool ipv6)
    {
        byte[] message = Message(ipv6, Craft.Pattern(3000));
        Send(Piece(ipv6, message, 0, 1600, true, 5));
        Send(Piece(ipv6, message, 1592, 1000, true, 5));
        Assert.Equal(2, Dropped(DropReason.Unsafe));

        // The rest alone makes nothing whole.
        Send(Piece(ipv6, message, 1600, message.Length - 1600, false, 5));
        Assert.Empty(_guest.Frames);
    }

    /// <summary>A switch or a driver may say something twice; the same place with other bytes is an attack.</summary>
    [Fact]
    public void TheSamePieceTwiceIsTakenOnceUnlessItsBytesChanged()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        Send(Piece(false, message, 0, 1600, true, 5));
        Send(Piece(false, message, 0, 1600, true, 5));
        Send(Piece(false, message, 1600, message.Length - 1600, false, 5));
        Assert.Equal(3, _guest.Frames.Count);
        Assert.Equal(0, Dropped(DropReason.Unsafe));

        Send(Piece(false, message, 0, 1600, true, 6));
        message[100] ^= 1;
        Send(Piece(false, message, 0, 1600, true, 6));
        Assert.Equal(2, Dropped(DropReason.Unsafe));
    }

    [Fact]
    public void FragmentsThatLieAreDropped()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        Send(Piece(false, message, 0, 1601, true, 1));
        Send(Piece(false, [.. message, .. new byte[65_000]], 0x1fff * 8, 100, false, 2));
        Send(Piece(false, message, 0, 0, true, 3));
        Assert.Equal(3, Dropped(DropReason.Unsafe));

        // Two ends, and something behind the end.
        Send(Piece(false, message, 800, 100, false, 4));
        Send(Piece(false, message, 1600, 100, false, 4));
        Send(Piece(false, message, 800, 100, false, 5));
        Send(Piece(false, message, 1600, 800, true, 5));
        Assert.Equal(7, Dropped(DropReason.Unsafe));
        Assert.Empty(_guest.Frames);
    }

    [Fact]
    public void TheRestMustComeInTime()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        Send(Piece(false, message, 0, 1600, true, 5));
        _clock.Advance(9_999_999_999);
        Send(Piece(false, message, 1600, 800, true, 5));
        Assert.Equal(0, Dropped(DropReason.Quota));
        _clock.Advance(1);
        Send(Piece(false, message, 2400, message.Length - 2400, false, 5));
        Assert.Equal(2, Dropped(DropReason.Quota));
        Assert.Empty(_guest.Frames);
    }

    [Fact]
    public void NoMoreThanTheQuotaIsKeptAndTheOldestGoes()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        for (ushort id = 0; id < 9; id++)
        {
            Send(Piece(false, message, 0, 1600, true, id));
            _clock.Advance(1);
        }

        Assert.Equal(1, Dropped(DropReason.Quota));
        for (ushort id = 1; id < 9; id++)
        {
            Send(Piece(false, message, 1600, message.Length - 1600, false, id));
        }

        Assert.Equal(8 * 3, _guest.Frames.Count);
    }

    /// <summary>Other addresses' packets, other protocols and requests of neighbours take no room and get no answer.</summary>
    [Fact]
    public void NothingElseIsPutTogether()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        for (ushort id = 0; id < 20; id++)
        {
            Send(Frame4(message, 0, 1600, true, id, "10.0.2.9", 1));
            Send(Frame4(message, 0, 1600, true, id, Host4, 17));
        }

        byte[] solicitation = Craft.IcmpV6(Guest6, Host6, 135, 0, [0, 0, 0, 0, .. Craft.Ip(Host6), 1, 1, .. Craft.GuestMac]);
        Send(Piece(true, solicitation, 0, 16, true, 1));
        Send(Piece(true, solicitation, 16, solicitation.Length - 16, false, 1));
        Assert.Empty(_guest.Frames);
        Assert.Equal(0, Dropped(DropReason.Quota) + Dropped(DropReason.Unsafe));
    }

    [Fact]
    public void AnotherGuestDoesNotCompleteTheLastOnesPacket()
    {
        byte[] message = Message(false, Craft.Pattern(3000));
        Send(Piece(false, message, 0, 1600, true, 5));
        _guest.Network!.GuestReplaced(_guest);
        Send(Piece(false, message, 1600, message.Length - 1600, false, 5));
        Assert.Empty(_guest.Frames);
    }

    private static byte[] Message(bool ipv6, byte[] data) => ipv6 ? Craft.IcmpV6(Guest6, Host6, 128, 0, data) : Craft.Icmp(8, 0, data);

    private static List<byte[]> Pieces(bool ipv6, byte[] data, int size, ushort id)
    {
        byte[] message = Message(ipv6, data);
        var pieces = new List<byte[]>();
        for (int at = 0; at < message.Length; at += size)
        {
            pieces.Add(Piece(ipv6, message, at, Math.Min(size, message.Length - at), at + size < message.Length, id));
        }

        return pieces;
    }

    private static byte[] Piece(bool ipv6, byte[] message, int at, int length, bool more, ushort id)
    {
        if (!ipv6)
        {
            return Frame4(message, at, length, more, id, Host4, 1);
        }

        byte[] header = [58, 0, .. Craft.Word((ushort)(at | (more ? 1 : 0))), 0, 1, .. Craft.Word(id)];
        return Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x86dd, Craft.IPv6(Guest6, Host6, 44, 64, [.. header, .. message[at..(at + length)]]));
    }

    private static byte[] Frame4(byte[] message, int at, int length, bool more, ushort id, string to, byte protocol)
    {
        byte[] packet = Craft.IPv4(Guest4, to, protocol, message[at..(at + length)]);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), (ushort)((at / 8) | (more ? 0x2000 : 0)));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), 0);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Craft.Checksum(packet[..20]));
        return Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, packet);
    }

    /// <summary>Puts the answer together, slowly, and checks each frame's headers and the whole message's checksum.</summary>
    private byte[] Join(bool ipv6, ushort id)
    {
        var bytes = new SortedDictionary<int, byte[]>();
        int last = -1;
        foreach (byte[] frame in _guest.Frames)
        {
            Assert.InRange(frame.Length, 60, 14 + Mtu);
            Assert.Equal([.. Craft.GuestMac, .. Craft.ResponderMac], frame[..12]);
            byte[] packet = frame[14..];
            int header = ipv6 ? 40 : 20;
            int length = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(ipv6 ? 4 : 2)) + (ipv6 ? 40 : 0);
            int field = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(6)) & 0x3fff;
            int at = ipv6 ? 0 : (field & 0x1fff) * 8;
            bool more = !ipv6 && (field & 0x2000) != 0;
            Assert.True(ipv6 || Craft.Checksum(packet[..20]) == 0);
            if (ipv6 && packet[6] == 44)
            {
                header += 8;
                Assert.Equal([58, 0], packet[40..42]);
                Assert.Equal([0, 1, .. Craft.Word(id)], packet[44..48]);
                at = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(42)) & ~7;
                more = (packet[43] & 1) != 0;
            }

            Assert.True(bytes.TryAdd(at, packet[header..length]));
            last = more ? last : at;
        }

        Assert.Equal(bytes.Keys.Last(), last);
        byte[] message = [.. bytes.Values.SelectMany(b => b)];
        byte[] sum = ipv6 ? [.. Craft.Pseudo(Host6, Guest6, 58, message.Length), .. message] : message;
        Assert.Equal(0, Craft.Checksum(sum));
        return message;
    }

    private long Dropped(DropReason reason)
    {
        _port.ReadCounters(out _, out FrameCounters sent);
        return sent.Drops[(int)reason];
    }

    private void Send(byte[] frame)
    {
        Assert.Equal(1, _guest.Send([frame], piece: 700));
        _loop.Drain();
    }
}
