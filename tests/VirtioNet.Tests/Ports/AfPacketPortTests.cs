using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.AfPacket;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class AfPacketPortTests : IDisposable
{
    private const string Host = "10.77.0.1";
    private const string Guest = "10.77.0.2";

    private readonly TestLoop _loop = new();
    private readonly NetNamespace _namespace = new();

    public AfPacketPortTests()
    {
        _namespace.Ip("link add v0 type veth peer name v1");
        _namespace.Ip("link set v0 up");
        _namespace.Ip("link set v1 up");
    }

    public void Dispose()
    {
        _namespace.Dispose();
        _loop.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FramesPassBothWays(bool offloads)
    {
        using AfPacketPort port = Open(new AfPacketOptions { Interface = "v0", Offloads = offloads });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        using Socket socket = Configure("v1");
        byte[] payload = Craft.Pattern(1200);
        socket.SendTo(payload, IPEndPoint.Parse($"{Guest}:7000"));
        byte[] frame = Await(guest, f => f[13] == 0 && f[23] == 17);
        Assert.Equal(payload, frame[42..]);

        // Nobody computed the checksum on the way through the veth, and the header says so.
        Assert.Equal(VirtioNetHeader.F_NEEDS_CSUM, guest.Headers[^1].Flags);
        Assert.Equal(34, guest.Headers[^1].CsumStart);

        byte[] udp = Craft.Udp(Guest, Host, 7000, (ushort)((IPEndPoint)socket.LocalEndPoint!).Port, payload);
        VirtioNetHeader header = default;
        if (offloads)
        {
            BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(6), (ushort)~Craft.Checksum(Craft.Pseudo(Guest, Host, 17, udp.Length)));
            header = new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = 34, CsumOffset = 6 };
        }

        byte[] reply = Craft.Ethernet(MacOf("v1"), Craft.GuestMac, 0x0800, Craft.IPv4(Guest, Host, 17, udp));
        Assert.Equal(1, guest.Send([reply], piece: 300, header: header));
        byte[] got = new byte[2000];
        Assert.Equal(1200, socket.Receive(got));
        Assert.Equal(payload, got[..1200]);
        port.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(1, sent.Frames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TagsAreKept(bool offloads)
    {
        using AfPacketPort port = Open(new AfPacketOptions { Interface = "v0", Offloads = offloads });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        using AfPacketPort sender = Open(new AfPacketOptions { Interface = "v1", Offloads = true });
        using CollectorPort other = CollectorPort.Join(sender);

        // The receiving kernel cuts the tag out of the frame; with the header, also its checksum's place moves.
        byte[] udp = Craft.Udp(Host, Guest, 7000, 7001, Craft.Pattern(99));
        byte[] frame = Craft.Ethernet(Craft.GuestMac, MacOf("v1"), 0x8100, [0x60, 7, 8, 0], Craft.IPv4(Host, Guest, 17, udp));
        Assert.Equal(1, other.Send([frame]));
        Assert.Equal(frame, Await(guest, f => f[12] == 0x81));
        byte[] partial = [.. frame];
        BinaryPrimitives.WriteUInt16BigEndian(partial.AsSpan(44), (ushort)~Craft.Checksum(Craft.Pseudo(Host, Guest, 17, udp.Length)));
        guest.Frames.Clear();
        Assert.Equal(1, other.Send([partial], header: new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = 38, CsumOffset = 6 }));
        byte[] got = Await(guest, f => f[12] == 0x81);
        if (guest.Headers[^1].IsPlain)
        {
            Assert.Equal(frame, got);
        }
        else
        {
            Assert.Equal(partial, got);
            Assert.Equal(38, guest.Headers[^1].CsumStart);
        }
    }

    [Fact]
    public void FlowsSpreadOverTheQueuesAndNothingComesTwice()
    {
        using AfPacketPort port = Open(new AfPacketOptions { Interface = "v0", Queues = 4 });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        using Socket socket = Configure("v1");
        for (int i = 7000; i < 7064; i++)
        {
            socket.SendTo([1, 2, 3], IPEndPoint.Parse($"{Guest}:{i}"));
        }

        bool Wanted(byte[] frame) => frame[13] == 0 && frame[23] == 17;
        _loop.Until(() => guest.Frames.Count(Wanted) >= 64, "all datagrams arrive");
        _loop.Drain();
        Assert.Equal(64, guest.Frames.Count(Wanted));
        Assert.InRange(guest.Queues.Distinct().Count(), 3, 4);
    }

    [Fact]
    public void WhatIsSentDoesNotComeBack()
    {
        using AfPacketPort port = Open(new AfPacketOptions { Interface = "v0" });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        guest.Send([Craft.Ethernet([2, 0, 0, 0, 0, 9], Craft.GuestMac, 0x88b5, new byte[46])]);
        _loop.Drain();
        Assert.DoesNotContain(guest.Frames, f => f[12] == 0x88);
    }

    [Fact]
    public void ErrorsNameTheInterface()
    {
        PortException e = Assert.Throws<PortException>(() => Open(new AfPacketOptions { Interface = "nothere" }));
        Assert.Contains("nothere", e.Message, StringComparison.Ordinal);
        Assert.ThrowsAny<PortException>(() => Open(new AfPacketOptions { Interface = "v0", Queues = 65 }));
    }

    private AfPacketPort Open(AfPacketOptions options) => _namespace.Run(() => new AfPacketPort("packet", options, [_loop.Context]));

    private byte[] MacOf(string name) =>
        Convert.FromHexString(_namespace.Ip($"-o link show dev {name}").Split("link/ether ")[1][..17].Replace(":", string.Empty, StringComparison.Ordinal));

    private byte[] Await(CollectorPort guest, Func<byte[], bool> wanted)
    {
        _loop.Until(() => guest.Frames.Count > 0 && wanted(guest.Frames[^1]), "the frame arrives");
        return guest.Frames[^1];
    }

    private Socket Configure(string device)
    {
        _namespace.Ip($"addr add {Host}/24 dev {device}");
        _namespace.Ip($"neigh add {Guest} lladdr 52:54:00:12:34:56 dev {device}");
        return _namespace.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10000 };
            socket.Bind(new IPEndPoint(IPAddress.Any, 0));
            return socket;
        });
    }
}
