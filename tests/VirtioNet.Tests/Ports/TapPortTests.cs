using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Tap;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class TapPortTests : IDisposable
{
    private const string Host = "10.77.0.1";
    private const string Guest = "10.77.0.2";

    private readonly TestLoop _loop = new();
    private readonly NetNamespace _namespace = new();

    public void Dispose()
    {
        _namespace.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void FramesFromTheHostAreCompleteForAGuestWithoutOffloads()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap, Offloads.None);
        tap.Start();
        using Socket socket = Configure(tap);
        byte[] payload = Craft.Pattern(1000);
        socket.SendTo(payload, IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Until(() => guest.Frames.Count > 0, "the datagram arrives");
        byte[] frame = guest.Frames[0];
        Assert.True(guest.Headers[0].IsPlain);
        Craft.AssertIPv4(frame);
        Assert.Equal(payload, frame[42..]);
        Assert.Equal(Craft.GuestMac, frame[..6]);
        tap.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(1, received.Frames);
        Assert.Equal(1042, received.Bytes);
    }

    [Fact]
    public void FramesFromTheHostKeepTheirOffloadsForAGuestThatHasThem()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap, Offloads.All);
        tap.Start();
        using Socket socket = Configure(tap);
        byte[] payload = Craft.Pattern(30000);
        if (tap.Accepts.HasFlag(Offloads.Uso4))
        {
            // UDP_SEGMENT: the kernel leaves the cutting to whoever can, which is us.
            socket.SetRawSocketOption(17, 103, BitConverter.GetBytes(1000));
        }

        socket.SendTo(payload, IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Until(() => guest.Frames.Count > 0, "the datagram arrives");
        VirtioNetHeader header = guest.Headers[0];
        Assert.Equal(VirtioNetHeader.F_NEEDS_CSUM, header.Flags);
        Assert.Equal(34, header.CsumStart);
        Assert.Equal(6, header.CsumOffset);
        if (tap.Accepts.HasFlag(Offloads.Uso4))
        {
            Assert.Equal(VirtioNetHeader.GSO_UDP_L4, header.GsoType);
            Assert.Equal(1000, header.GsoSize);
            Assert.Equal(payload, guest.Frames[0][42..]);
        }

        // The guest changes: what comes from then on is complete.
        guest.SetState(true, Offloads.None);
        guest.Frames.Clear();
        socket.SendTo(payload, IPEndPoint.Parse($"{Guest}:7000"));
        int expected = tap.Accepts.HasFlag(Offloads.Uso4) ? 30 : 21;
        _loop.Until(() => guest.Frames.Count == expected, "the pieces arrive");
        Assert.All(guest.Headers[1..], h => Assert.True(h.IsPlain));
    }

    [Theory]
    [InlineData(int.MaxValue, false)]
    [InlineData(64, false)]
    [InlineData(3, true)]
    [InlineData(int.MaxValue, true)]
    public void FramesFromTheGuestReachTheHost(int piece, bool partialChecksum)
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap, Offloads.All);
        tap.Start();
        using Socket socket = Configure(tap);
        byte[] payload = Craft.Pattern(777);
        byte[] udp = Craft.Udp(Guest, Host, 7000, (ushort)((IPEndPoint)socket.LocalEndPoint!).Port, payload);
        if (partialChecksum)
        {
            // The sum of the pseudo header alone, not complemented.
            BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(6), (ushort)~Craft.Checksum(Craft.Pseudo(Guest, Host, 17, udp.Length)));
        }

        byte[] frame = Craft.Ethernet(MacOf("t0"), Craft.GuestMac, 0x0800, Craft.IPv4(Guest, Host, 17, udp));
        VirtioNetHeader header = partialChecksum
            ? new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = 34, CsumOffset = 6 }
            : default;
        Assert.Equal(1, guest.Send([frame], piece, header: header));
        byte[] got = new byte[2000];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        Assert.Equal(777, socket.ReceiveFrom(got, ref from));
        Assert.Equal(payload, got[..777]);
        tap.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(1, sent.Frames);
        Assert.Equal(frame.Length, sent.Bytes);
    }

    [Fact]
    public void FlowsSpreadOverTheQueues()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0", Queues = 4 });
        Assert.Equal(4, tap.QueueCount);
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        using Socket socket = Configure(tap);
        for (int port = 7000; port < 7064; port++)
        {
            socket.SendTo([1, 2, 3], IPEndPoint.Parse($"{Guest}:{port}"));
        }

        _loop.Until(() => guest.Frames.Count == 64, "all datagrams arrive");
        Assert.InRange(guest.Queues.Distinct().Count(), 3, 4);

        // Any queue number of the sender is fine.
        byte[] frame = Craft.Ethernet(MacOf("t0"), Craft.GuestMac, 0x0800,
            Craft.IPv4(Guest, Host, 17, Craft.Udp(Guest, Host, 7000, (ushort)((IPEndPoint)socket.LocalEndPoint!).Port, [9, 9, 9])));
        for (int queue = 0; queue < 9; queue++)
        {
            Assert.Equal(1, guest.Send([frame], queue: queue));
            Assert.Equal(3, socket.Receive(new byte[10]));
        }
    }

    [Fact]
    public void AGuestWithoutBuffersStopsTheReading()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap);
        guest.Room = 3;
        tap.Start();
        using Socket socket = Configure(tap);
        for (byte i = 0; i < 100; i++)
        {
            socket.SendTo([i], IPEndPoint.Parse($"{Guest}:7000"));
        }

        _loop.Until(() => guest.HasWaiter, "the guest is full");
        _loop.Drain();
        int deliveries = guest.Deliveries;
        for (int i = 0; i < 100; i++)
        {
            Assert.False(_loop.Context.Poll(false));
        }

        Assert.Equal(deliveries, guest.Deliveries);
        guest.MakeRoom(10);
        _loop.Until(() => guest.HasWaiter, "the guest is full again");
        Assert.Equal(13, guest.Frames.Count);
        guest.MakeRoom(1000);
        _loop.Until(() => guest.Frames.Count == 100, "all have arrived");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (byte)i), guest.Frames.Select(f => f[42]));
    }

    [Fact]
    public void NothingIsReadWhileThereIsNobody()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap, up: false);
        tap.Start();
        using Socket socket = Configure(tap);
        socket.SendTo([1], IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Drain();
        Assert.Equal(0, guest.Deliveries);
        guest.SetState(true, Offloads.None);
        _loop.Until(() => guest.Frames.Count == 1, "the frame arrives");
    }

    [Fact]
    public void AFullInterfaceHoldsTheSenderBackOrDrops()
    {
        _namespace.Ip("link add br0 type bridge");
        _namespace.Ip("link add v0 type veth peer name v1");
        _namespace.Ip("link set v0 master br0 up");
        _namespace.Ip("link set v1 up");
        _namespace.Ip("link set br0 up");
        _namespace.Command("tc", "qdisc add dev v0 root tbf rate 800kbit burst 2kb limit 10mb");
        using TapPort tap = Open(new TapOptions { Name = "t0", Bridge = "br0", SendBuffer = 30000 });
        using CollectorPort guest = CollectorPort.Join(tap);
        int woken = 0;
        BottomHalf waiter = _loop.Context.CreateBottomHalf(() => woken++, "waiter");
        List<byte[]> frames = [.. Enumerable.Range(0, 100).Select(i => Craft.Ethernet([2, 0, 0, 0, 0, 9], Craft.GuestMac, 0x88b5, Craft.Pattern(1000, i)))];
        int taken = guest.Send(frames, waiter: waiter);
        Assert.InRange(taken, 5, 60);
        _loop.Until(() => woken > 0, "there is room again");
        Assert.Equal(1, woken);
        int more = guest.Send(frames, waiter: waiter);
        Assert.InRange(more, 1, 60);
        Assert.Equal(100, guest.Send(frames));
        tap.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(100 + taken + more, sent.Frames + sent.Drops[(int)DropReason.OsError]);
        Assert.InRange(sent.Drops[(int)DropReason.OsError], 40, 100);
        _loop.Drain();
        waiter.Delete();
    }

    [Fact]
    public void ADownInterfaceDropsAndCounts()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0", BringUp = false });
        using CollectorPort guest = CollectorPort.Join(tap);
        Assert.Equal(1, guest.Send([new byte[60]]));
        tap.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(1, sent.Drops[(int)DropReason.NotRunning]);
    }

    [Fact]
    public void HostileHeadersAreCountedDrops()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap);
        Assert.Equal(1, guest.Send(new VirtioNetHeader { Flags = 1, CsumStart = 65000, CsumOffset = 6 }, new byte[100]));
        Assert.Equal(1, guest.Send(new VirtioNetHeader { GsoType = 77, GsoSize = 100 }, new byte[100]));
        tap.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(2, sent.DroppedTotal);
        Assert.Equal(0, sent.Frames);
    }

    [Fact]
    public void TheInterfaceIsRemovedUnderThePort()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0" });
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        _loop.Drain();
        _namespace.Ip("link del t0");
        _loop.Until(() => !tap.IsUp, "the port notices");
        Assert.Contains("t0", tap.DownReason, StringComparison.Ordinal);
        _loop.Drain();
        Assert.False(_loop.Context.Poll(false));
        Assert.Equal(1, guest.Send([new byte[60]]));
    }

    [Fact]
    public void SetsMtuAndJoinsABridge()
    {
        _namespace.Ip("link add br0 type bridge");
        using TapPort tap = Open(new TapOptions { Name = "vn%d", Mtu = 9000, Bridge = "br0" });
        Assert.Equal("vn0", tap.InterfaceName);
        Assert.Equal(9000, tap.Mtu);
        string text = _namespace.Ip("-o link show dev vn0");
        Assert.Contains("mtu 9000", text, StringComparison.Ordinal);
        Assert.Contains("master br0", text, StringComparison.Ordinal);
        Assert.Contains(",UP", text, StringComparison.Ordinal);
    }

    [Fact]
    public void TakesInheritedDescriptors()
    {
        int[] descriptors = _namespace.Run(() => Enumerable.Range(0, 2).Select(_ =>
        {
            int fd = open("/dev/net/tun", O_RDWR);
            var request = ifreq.ForName("mine");
            request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
            Assert.Equal(0, ioctl(fd, TUNSETIFF, ref request));
            return fd;
        }).ToArray());
        using TapPort tap = Open(new TapOptions { Descriptors = descriptors });
        Assert.Equal(2, tap.QueueCount);
        Assert.Equal("mine", tap.InterfaceName);
        using CollectorPort guest = CollectorPort.Join(tap, Offloads.None);
        tap.Start();
        using Socket socket = Configure(tap);
        socket.SendTo([1, 2, 3], IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Until(() => guest.Frames.Count > 0, "the datagram arrives");
    }

    /// <summary>What QEMU sets for its own big-endian guests, and leaves when it is killed.</summary>
    [Fact]
    public void ATapThatWasLeftBigEndianIsReadAsUsual()
    {
        int fd = _namespace.Run(() =>
        {
            int made = open("/dev/net/tun", O_RDWR);
            var request = ifreq.ForName("mine");
            request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
            Assert.Equal(0, ioctl(made, TUNSETIFF, ref request));
            return made;
        });
        int bigEndian = 1;
        Assert.SkipUnless(ioctl(fd, TUNSETVNETBE, ref bigEndian) == 0, "the kernel has no taps of the other byte order (CONFIG_TUN_VNET_CROSS_LE)");
        using TapPort tap = Open(new TapOptions { Descriptors = [fd] });
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        using Socket socket = Configure(tap);
        socket.SendTo([1, 2, 3], IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Until(() => guest.Frames.Count > 0, "the datagram arrives");
        Assert.Equal(34, guest.Headers[0].CsumStart);
    }

    [Fact]
    public void WorksWithoutTheHeader()
    {
        using TapPort tap = Open(new TapOptions { Name = "t0", Offloads = false });
        Assert.Equal(Offloads.None, tap.Accepts);
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        using Socket socket = Configure(tap);
        socket.SendTo([1, 2, 3], IPEndPoint.Parse($"{Guest}:7000"));
        _loop.Until(() => guest.Frames.Count > 0, "the datagram arrives");
        Craft.AssertIPv4(guest.Frames[0]);
        byte[] frame = Craft.Ethernet(MacOf("t0"), Craft.GuestMac, 0x0800,
            Craft.IPv4(Guest, Host, 17, Craft.Udp(Guest, Host, 7000, (ushort)((IPEndPoint)socket.LocalEndPoint!).Port, [9, 9, 9])));
        Assert.Equal(1, guest.Send([frame], 5));
        Assert.Equal(3, socket.Receive(new byte[10]));
    }

    [Fact]
    public void AnExistingTapIsOpenedWithOneQueueOfSeveral()
    {
        _namespace.Ip("tuntap add dev multi mode tap multi_queue vnet_hdr");
        using (TapPort tap = Open(new TapOptions { Name = "multi" }))
        {
            Assert.Equal(1, tap.QueueCount);
        }

        Assert.Contains("multi", _namespace.Ip("-o link show"), StringComparison.Ordinal);
    }

    [Fact]
    public void ErrorsNameTheInterfaceAndTheRemedy()
    {
        _namespace.Ip("tuntap add dev single mode tap vnet_hdr");
        using TapPort used = Open(new TapOptions { Name = "used" });
        Refused(new TapOptions { Name = "used" }, "in use");
        Refused(new TapOptions { Name = "lo" }, "not a tap");
        Refused(new TapOptions { Name = "single", Queues = 2 }, "multi_queue");
        Refused(new TapOptions { Name = "averyveryverylongname" }, "15");
        Refused(new TapOptions { Name = "t9", Bridge = "nobridge" }, "there is no bridge nobridge");
        Refused(new TapOptions { Name = "t9", Bridge = "lo" }, "not a bridge");
        Refused(new TapOptions { Name = "t9", Mtu = 70000 }, "70000");
        Refused(new TapOptions { Name = "t9", Queues = 300 }, "128");
        Refused(new TapOptions { Descriptors = [open("/dev/null", O_RDWR)] }, "not an attached tap");
    }

    private void Refused(TapOptions options, string expected)
    {
        PortException e = Assert.ThrowsAny<PortException>(() => Open(options).Dispose());
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    private TapPort Open(TapOptions options) => _namespace.Run(() => new TapPort("tap", options, [_loop.Context]));

    private byte[] MacOf(string name) =>
        Convert.FromHexString(_namespace.Ip($"-o link show dev {name}").Split("link/ether ")[1][..17].Replace(":", string.Empty, StringComparison.Ordinal));

    /// <summary>Gives the host's side its address, tells it the guest's, and opens a socket there.</summary>
    private Socket Configure(TapPort tap)
    {
        _namespace.Ip($"addr add {Host}/24 dev {tap.InterfaceName}");
        _namespace.Ip($"link set {tap.InterfaceName} up");
        _namespace.Ip($"neigh add {Guest} lladdr 52:54:00:12:34:56 dev {tap.InterfaceName}");
        return _namespace.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10000 };
            socket.Bind(new IPEndPoint(IPAddress.Any, 0));
            return socket;
        });
    }
}
