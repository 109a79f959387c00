using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class UserPortTests : IDisposable
{
    private readonly TestLoop _loop = new();

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void HandsOutAnAddress()
    {
        using UserPort port = Open(new UserOptions { Hostname = "guesthost", DomainName = "example.test" });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        guest.Send([Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac))]);
        byte[] offer = Await(guest, Udp);
        Assert.Equal([2], Craft.DhcpOptions(offer[42..])[53]);
        guest.Frames.Clear();
        guest.Send([Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(3, 2, Craft.GuestMac, false, null, [50, 4, .. offer[58..62]]))]);
        byte[] ack = Await(guest, Udp);
        Dictionary<byte, byte[]> options = Craft.DhcpOptions(ack[42..]);
        Assert.Equal([5], options[53]);
        Assert.Equal(Craft.Ip("10.0.2.15"), ack[58..62]);
        Assert.Equal(Craft.Ip("10.0.2.2"), options[3]);
        Assert.Equal(Craft.Ip("10.0.2.3"), options[6]);
        Assert.Equal("guesthost"u8.ToArray(), options[12]);
        Assert.Equal("example.test"u8.ToArray(), options[15]);
        Assert.Equal(2, port.EgressCounters.Frames);
    }

    [Fact]
    public void UsesTheNetworkThatIsAskedFor()
    {
        using UserPort port = Open(new UserOptions { Network = InterfaceAddress.Parse("192.168.100.0/24"), DhcpStart = IPAddress.Parse("192.168.100.50"), IPv6 = false });
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        guest.Send([Craft.DhcpFrame(Craft.GuestMac, Craft.Dhcp(1, 1, Craft.GuestMac))]);
        byte[] offer = Await(guest, Udp);
        Assert.Equal(Craft.Ip("192.168.100.50"), offer[58..62]);
        Assert.Equal(Craft.Ip("192.168.100.2"), Craft.DhcpOptions(offer[42..])[3]);
    }

    [Fact]
    public void TheGatewayAnswersPing()
    {
        using UserPort port = Open(new UserOptions());
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        guest.Ping([0, 1, 0, 2, .. Craft.Pattern(56)]);
        Until(guest, () => guest.Pings.Count > 0, "the gateway answers");
        Assert.Equal([0, 1, 0, 2, .. Craft.Pattern(56)], guest.Pings[0][4..]);
    }

    /// <summary>What comes for the last guest's flows must not reach the next one, who begins without any.</summary>
    [Fact]
    public void AnotherGuestGetsNothingOfTheLastOnesFlows()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        IPEndPoint from = ReachHost(guest, host);
        Assert.Equal(1, port.Use.Flows);
        collector.Network!.GuestReplaced(collector);
        _loop.Drain();
        Assert.Equal(0, port.Use.Flows);
        host.Send([5, 6, 7], from);
        guest.AskForGateway();
        guest.Ping([0, 1, 0, 2, .. Craft.Pattern(56)]);
        Until(guest, () => guest.Pings.Count > 0, "the new stack answers");
        Assert.Empty(guest.Datagrams);
    }

    [Fact]
    public void UdpReachesTheHostsLoopbackAndComesBack()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        host.Send([5, 6, 7], ReachHost(guest, host));
        Until(guest, () => guest.Datagrams.Count > 0, "the answer arrives");
        Assert.Equal([5, 6, 7], guest.Datagrams[0]);
    }

    [Fact]
    public void TcpReachesTheHostsLoopback()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        guest.Connect((ushort)((IPEndPoint)listener.LocalEndpoint).Port);
        Until(guest, () => guest.IsConnected && listener.Pending(), "the connection stands");
        using TcpClient host = listener.AcceptTcpClient();
        byte[] question = Craft.Pattern(1400, 7);
        guest.Send(question);
        Until(guest, () => host.Available == question.Length, "the data arrive");
        byte[] got = new byte[question.Length];
        host.GetStream().ReadExactly(got);
        Assert.Equal(question, got);
        host.GetStream().Write(got);
        host.Close();
        Until(guest, () => guest.IsClosed, "the echo arrives and the connection closes");
        Assert.Equal(question, guest.Received.ToArray());
    }

    [Fact]
    public async Task ADownloadThatTheGuestTakesInGulpsArrivesWhole()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true, Mtu = 9000 });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        byte[] data = Craft.Pattern(3_000_000, 3);
        Task server = Task.Run(async () =>
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            await client.GetStream().WriteAsync(data);
        });
        guest.Connect((ushort)((IPEndPoint)listener.LocalEndpoint).Port);
        collector.Room = 5;
        Until(guest, () =>
        {
            if (collector.Room == 0)
            {
                collector.MakeRoom(5);
            }

            return guest.IsClosed;
        }, "all has arrived");
        await server;
        Assert.True(data.AsSpan().SequenceEqual(guest.Received.ToArray()));
    }

    [Fact]
    public void AHostPortLeadsToTheGuest()
    {
        int free = FreePort();
        using UserPort port = Open(new UserOptions { HostForwards = [HostForward.Parse($"tcp:127.0.0.1:{free}-:22")] });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(IPAddress.Loopback, free);
        Until(guest, () => guest.IsConnected, "the guest is called");
        Assert.Equal(22, guest.LocalPort);
        client.Send([1, 2, 3]);
        Until(guest, () => guest.Received.Length == 3, "the data arrive");
        guest.Send([4, 5]);
        Until(guest, () => client.Available == 2, "the answer arrives");
    }

    [Fact]
    public void AGuestAddressLeadsToAUnixSocket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ports-{Guid.NewGuid():N}.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using UserPort port = Open(new UserOptions { GuestForwards = [GuestForward.Parse($"tcp:10.0.2.100:80-unix:{path}")] });
        using CollectorPort collector = CollectorPort.Join(port);
        Boot(port, collector);
        var guest = new GuestStack(collector, gateway: "10.0.2.100");
        guest.AskForGateway();
        Until(guest, () => guest.KnowsGateway, "the address answers ARP");
        guest.Connect(80);
        Until(guest, () => listener.Poll(0, SelectMode.SelectRead), "the connection arrives");
        using Socket server = listener.Accept();
        guest.Send([9, 8, 7]);
        Until(guest, () => server.Available == 3, "the data arrive");
        File.Delete(path);
    }

    [Fact]
    public void RestrictCutsTheGuestOff()
    {
        using UserPort port = Open(new UserOptions { Restrict = true });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        guest.SendUdp("10.0.2.2", (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port, [1, 2, 3, 4]);
        guest.Ping([0, 1, 0, 2]);
        _loop.Drain();
        guest.Work();
        Assert.Equal(0, host.Available);
    }

    [Fact]
    public void AnnouncesItsIPv6Prefix()
    {
        using UserPort port = Open(new UserOptions());
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        byte[] message = Craft.IcmpV6("fe80::15", "ff02::2", 133, 0, [0, 0, 0, 0, 1, 1, .. Craft.GuestMac]);
        guest.Send([Craft.Ethernet([0x33, 0x33, 0, 0, 0, 2], Craft.GuestMac, 0x86dd, Craft.IPv6("fe80::15", "ff02::2", 58, 255, message))]);
        byte[] advertisement = Await(guest, f => f[12] == 0x86 && f[20] == 58 && f[54] == 134);
        Craft.AssertIPv6(advertisement);
        Assert.True(advertisement.AsSpan().IndexOf(Craft.Ip("fec0::")) > 0);
    }

    [Fact]
    public void AFullQueueHoldsTheSenderBackOrDrops()
    {
        using UserPort port = Open(new UserOptions());
        using CollectorPort guest = CollectorPort.Join(port);
        int woken = 0;
        BottomHalf waiter = _loop.Context.CreateBottomHalf(() => woken++, "waiter");
        List<byte[]> frames = [.. Enumerable.Range(0, 200).Select(_ => new byte[20000])];
        int taken = guest.Send(frames, waiter: waiter);
        Assert.InRange(taken, 40, 60);
        Assert.Equal(200, guest.Send(frames));
        Assert.InRange(port.EgressCounters.Drops[(int)DropReason.NoBuffers], 190, 200);
        _loop.Until(() => woken > 0, "the sender is woken");
        Assert.True(guest.Send(frames, waiter: waiter) > 0);
        _loop.Drain();
    }

    [Fact]
    public void RandomFramesAreHarmless()
    {
        using UserPort port = Open(new UserOptions());
        using CollectorPort guest = CollectorPort.Join(port);
        port.Start();
        var random = new Random(5);
        for (int i = 0; i < 3000; i++)
        {
            byte[] frame = Craft.Pattern(random.Next(1, 200), i);
            if (frame.Length > 40)
            {
                byte[] start = i % 3 == 0 ? [8, 6, 0, 1] : i % 3 == 1 ? [8, 0, 0x45] : [0x86, 0xdd, 0x60];
                start.CopyTo(frame, 12);
            }

            guest.Send([frame]);
            _loop.Context.Poll(false);
        }

        _loop.Drain();
    }

    [Fact]
    public void ErrorsNameTheOptionAndTheRemedy()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        Refused(new UserOptions { HostForwards = [HostForward.Parse($"tcp:127.0.0.1:{port}-:22")] }, "in use");
        Refused(new UserOptions { HostForwards = [HostForward.Parse($"tcp:192.0.2.1:{port}-:22")] }, "192.0.2.1");
        Refused(new UserOptions { Host = IPAddress.Parse("10.0.3.2") }, "10.0.3.2");
        Refused(new UserOptions { Mtu = 70000 }, "70000");
        Refused(new UserOptions { IPv4 = false, IPv6 = false }, "switched off");
        Refused(new UserOptions { FlowsMax = 3 }, "flows=3");
        Refused(new UserOptions { SocketsMax = 70000 }, "65536");
        Refused(new UserOptions { FlowsPerSecond = 0 }, "flowsPerSecond=0");
        Refused(new UserOptions { GuestForwards = [GuestForward.Parse("tcp:10.0.3.1:80-unix:/x")] }, "10.0.3.1");
    }

    [Theory]
    [InlineData("tcp:2222")]
    [InlineData("sctp::2222-:22")]
    [InlineData("tcp::2222-:0")]
    [InlineData("tcp::99999-:22")]
    [InlineData("tcp:localhost:2222-:22")]
    [InlineData("tcp:::1:2222-:22")]
    [InlineData("tcp:[::1]:2222-:22")]
    [InlineData("tcp:[::1]:2222-10.0.2.15:22")]
    [InlineData("")]
    public void AMalformedForwardIsRefusedByName(string text)
    {
        FormatException e = Assert.Throws<FormatException>(() => HostForward.Parse(text));
        Assert.Contains($"'{text}'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp::2222-:22", "tcp:0.0.0.0:2222-0.0.0.0:22")]
    [InlineData("udp:127.0.0.1:53-10.0.2.15:5353", "udp:127.0.0.1:53-10.0.2.15:5353")]
    [InlineData("tcp:[::1]:80-[fec0::15]:80", "tcp:[::1]:80-[fec0::15]:80")]
    public void ForwardsAreRead(string text, string meaning) => Assert.Equal(meaning, HostForward.Parse(text).ToString());

    private static bool Udp(byte[] frame) => frame[12] == 8 && frame[13] == 0 && frame[23] == 17;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private UserPort Open(UserOptions options) => new("user", options, _loop.Context);

    private void Refused(UserOptions options, string expected)
    {
        PortException e = Assert.ThrowsAny<PortException>(() => Open(options).Dispose());
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    /// <summary>Has the guest send a datagram to a socket of the host's loopback; returns where the host may answer to.</summary>
    private IPEndPoint ReachHost(GuestStack guest, UdpClient host)
    {
        guest.SendUdp("10.0.2.2", (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port, [1, 2, 3, 4]);
        Until(guest, () => host.Available > 0, "the datagram arrives");
        IPEndPoint? from = null;
        Assert.Equal([1, 2, 3, 4], host.Receive(ref from));
        return from!;
    }

    private GuestStack Boot(UserPort port, CollectorPort collector)
    {
        port.Start();
        var guest = new GuestStack(collector);
        guest.AskForGateway();
        Until(guest, () => guest.KnowsGateway, "the gateway answers ARP");
        return guest;
    }

    private void Until(GuestStack guest, Func<bool> condition, string what) => _loop.Until(() =>
    {
        guest.Work();
        return condition();
    }, what);

    private byte[] Await(CollectorPort guest, Func<byte[], bool> wanted)
    {
        _loop.Until(() => guest.Frames.Any(wanted), "the frame arrives");
        byte[] frame = guest.Frames.First(wanted);
        if (Udp(frame))
        {
            Craft.AssertIPv4(frame);
        }

        return frame;
    }
}
