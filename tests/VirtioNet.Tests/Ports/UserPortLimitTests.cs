using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Sockets;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>What a hostile guest tries with a user port, against the library that is installed.</summary>
public sealed class UserPortLimitTests : IDisposable
{
    private readonly TestLoop _loop = new();

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void AFragmentThatComesFirstEndsNothing()
    {
        using UserPort port = Open(new UserOptions());
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        for (ushort field = 1; field < 0x2000; field += 97)
        {
            byte[] packet = Craft.IPv4("10.0.2.15", "10.0.2.2", 17, []);
            packet[6] = (byte)(field >> 8);
            packet[7] = (byte)field;
            packet[10] = packet[11] = 0;
            Craft.Word(Craft.Checksum(packet)).CopyTo(packet, 10);
            collector.Send([Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, packet)]);
            _loop.Drain();
        }

        Assert.Equal(85, port.EgressCounters.Drops[(int)DropReason.Unsafe]);
        guest.Ping([0, 1, 0, 2]);
        Until(guest, () => guest.Pings.Count > 0, "the gateway still answers");
    }

    [Fact]
    public void SourcePortsBeyondTheQuotaAreRefusedAndRunningFlowsGoOn()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true, FlowsMax = 32 });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        ushort to = (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port;
        for (ushort from = 1000; from < 1200; from++)
        {
            SendUdp(collector, from, to, [(byte)from]);
            _loop.Drain();
        }

        Assert.Equal((32, 32, 168), (port.Use.Flows, port.Use.Sockets, port.Use.FlowsRefused));
        Assert.Equal(168, port.EgressCounters.Drops[(int)DropReason.Quota]);
        for (int i = 0; i < 32; i++)
        {
            IPEndPoint? from = null;
            Assert.Equal([(byte)(1000 + i)], host.Receive(ref from));
        }

        SendUdp(collector, 1031, to, [77]);
        _loop.Until(() => host.Available > 0, "a running flow goes on");

        // What needs no socket is not refused either.
        guest.Ping([0, 1, 0, 2]);
        Until(guest, () => guest.Pings.Count > 0, "the gateway answers");
    }

    [Fact]
    public void ConnectionsBeyondTheQuotaAreRefusedUntilOneEnds()
    {
        using UserPort port = Open(new UserOptions { HostLoopback = true, FlowsMax = 16 });
        using CollectorPort collector = CollectorPort.Join(port);
        Boot(port, collector);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        ushort to = (ushort)((IPEndPoint)listener.LocalEndpoint).Port;
        for (ushort from = 1000; from < 1100; from++)
        {
            collector.Send([Tcp(from, to, 0x02, 1, 0)]);
            _loop.Drain();
        }

        _loop.Drain();
        Assert.Equal((16, 84), (port.Use.Flows, port.Use.FlowsRefused));
        collector.Send([Tcp(1000, to, 0x14, 2, 0)]);
        _loop.Until(() => port.Use.Flows < 16, "a connection is reset");
        collector.Send([Tcp(5000, to, 0x02, 1, 0)]);
        _loop.Until(() => port.Use.Flows == 16, "there is room for another one");
        Assert.Equal(84, port.Use.FlowsRefused);
    }

    [Fact]
    public void ConnectionsOfTheOutsideWaitWhileTheQuotaIsUsedUp()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        int forward = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        using UserPort port = Open(new UserOptions { FlowsMax = 16, HostForwards = [HostForward.Parse($"tcp:127.0.0.1:{forward}-:22")] });
        using CollectorPort collector = CollectorPort.Join(port);
        Boot(port, collector);
        var clients = new List<FileDescriptor>();
        for (int i = 0; i < 40; i++)
        {
            // The library's queue is short, so that one waits for the other.
            clients.Add(SocketCalls.Open(AF_INET, SOCK_STREAM));
            Assert.Equal(EINPROGRESS, SocketCalls.Connect(clients[i], new IPEndPoint(IPAddress.Loopback, forward)));
            _loop.Drain();
        }

        Assert.Equal(16, port.Use.Flows);
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public void NewFlowsASecondAreLimited()
    {
        var use = new UserPortUse();
        var quota = new SlirpQuota(new UserOptions { FlowsPerSecond = 10 }, use, 0);
        var flow = new SlirpFlow(SlirpFlowKind.TcpOpen);
        const long start = 1_000_000_000_000;
        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => quota.TryEnter(flow, start)));
        Assert.Equal(5, Enumerable.Range(0, 100).Count(_ => quota.TryEnter(flow, start + 500_000_000)));
        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => quota.TryEnter(flow, start + 900_000_000_000)));
        Assert.Equal(275, use.FlowsRefused);
    }

    [Fact]
    public void TheHostsLoopbackIsClosedUnlessItIsAskedFor()
    {
        using UserPort port = Open(new UserOptions());
        var notices = new List<string>();
        port.Noticed += (_, text) => notices.Add(text);
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        guest.SendUdp("10.0.2.2", (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port, [1]);
        guest.Connect((ushort)((IPEndPoint)listener.LocalEndpoint).Port);

        // Nor by the addresses that the gateway's stands for.
        guest.SendUdp("127.0.0.1", (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port, [1]);
        guest.SendUdp("0.0.0.0", (ushort)((IPEndPoint)host.Client.LocalEndPoint!).Port, [1]);
        _loop.Drain();
        guest.Work();
        Assert.Equal((0, false, 2, 2), (host.Available, listener.Pending(), port.Use.LoopbackRefused, port.EgressCounters.Drops[(int)DropReason.Unsafe]));
        Assert.Contains("hostLoopback", Assert.Single(notices), StringComparison.Ordinal);
    }

    [Fact]
    public void AServerThatNeverAcceptsStopsNobody()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ports-{Guid.NewGuid():N}.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        List<Socket> queued = Fill(path);
        using UserPort port = Open(new UserOptions { GuestForwards = [GuestForward.Parse($"tcp:10.0.2.100:80-unix:{path}")] });
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack gateway = Boot(port, collector);
        var guest = new GuestStack(collector, gateway: "10.0.2.100");
        guest.AskForGateway();
        Until(guest, () => guest.KnowsGateway, "the address answers ARP");

        // The third segment made libslirp wait in connect(2), under the lock of all user ports.
        guest.Connect(80);
        Until(guest, () => guest.IsConnected, "the handshake is done");
        guest.Send([9, 8, 7]);
        gateway.Ping([0, 1, 0, 2]);
        Until(gateway, () => gateway.Pings.Count > 0, "the port goes on");

        // Once the server takes connections, the guest's comes too, with what was sent meanwhile.
        Socket? server = null;
        Until(guest, () => (server = TakeWithData(listener)) is not null, "the connection arrives with its data");
        byte[] got = new byte[8];
        Assert.Equal(3, server!.Receive(got));
        Assert.Equal([9, 8, 7], got[..3]);
        server.Send([1, 2]);
        Until(guest, () => guest.Received.Length == 2, "the answer arrives");
        guest.Send([4]);
        _loop.Until(() => server.Available == 1, "more arrives");
        server.Dispose();
        queued.ForEach(s => s.Dispose());
        File.Delete(path);
    }

    [Fact]
    public void AServerThatIsNotThereEndsTheConnection()
    {
        using UserPort port = Open(new UserOptions { GuestForwards = [GuestForward.Parse("tcp:10.0.2.100:80-unix:/nonexistent/server")] });
        using CollectorPort collector = CollectorPort.Join(port);
        Boot(port, collector);
        var guest = new GuestStack(collector, gateway: "10.0.2.100");
        guest.AskForGateway();
        Until(guest, () => guest.KnowsGateway, "the address answers ARP");
        guest.Connect(80);
        Until(guest, () => guest.IsClosed, "the connection is closed again");
        Assert.Equal(1, port.Use.ForwardsRefused);
    }

    [Fact]
    public void ManyUnfinishedConnectionsToAForwardAreRefused()
    {
        using UserPort port = Open(new UserOptions { GuestForwards = [GuestForward.Parse("tcp:10.0.2.100:80-unix:/nonexistent/server")] });
        using CollectorPort collector = CollectorPort.Join(port);
        Boot(port, collector);
        for (ushort from = 1000; from < 1200; from++)
        {
            collector.Send([Tcp(from, 80, 0x02, 1, 0, "10.0.2.100")]);
            _loop.Drain();
        }

        Assert.Equal((136, 0), (port.Use.FlowsRefused, port.Use.Flows));
    }

    [Fact]
    public void AFaultTakesThePortDownAndItComesBackWithItsAddresses()
    {
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using UserPort port = Open(new UserOptions());
        port.RevivalClock = clock;
        var said = new List<string>();
        port.Faulted += (_, text, _) => said.Add(text);
        using CollectorPort collector = CollectorPort.Join(port);
        GuestStack guest = Boot(port, collector);
        _loop.Context.ScheduleOneShot(() => ((IFaultOwner)port).Fault("user.user", new InvalidOperationException("planted")), "fault");
        _loop.Drain();
        Assert.False(port.IsUp);
        Assert.Contains("planted", port.FaultReason, StringComparison.Ordinal);
        Assert.Contains("planted", Assert.Single(said), StringComparison.Ordinal);
        guest.Ping([0, 1, 0, 2]);
        _loop.Drain();
        guest.Work();
        Assert.Empty(guest.Pings);
        clock.Advance(Port.RevivalMinNs + 1);
        _loop.Drain();
        Assert.True(port.IsUp);
        guest.Ping([0, 1, 0, 2]);
        Until(guest, () => guest.Pings.Count > 0, "the gateway answers again");
        Assert.Equal((1, null), (port.Faults, port.FaultReason));
    }

    /// <summary>Fills a listener's queue.</summary>
    private static List<Socket> Fill(string path)
    {
        var queued = new List<Socket>();
        while (true)
        {
            var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            try
            {
                client.Connect(new UnixDomainSocketEndPoint(path));
                queued.Add(client);
            }
            catch (SocketException)
            {
                client.Dispose();
                return queued;
            }
        }
    }

    private static Socket? TakeWithData(Socket listener)
    {
        while (listener.Poll(0, SelectMode.SelectRead))
        {
            Socket taken = listener.Accept();
            if (taken.Poll(0, SelectMode.SelectRead))
            {
                return taken;
            }

            taken.Dispose();
        }

        return null;
    }

    private static void SendUdp(CollectorPort guest, ushort from, ushort to, byte[] data) =>
        guest.Send([Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", "10.0.2.2", 17, Craft.Udp("10.0.2.15", "10.0.2.2", from, to, data)))]);

    private static byte[] Tcp(ushort from, ushort to, byte flags, byte sequence, byte acknowledged, string address = "10.0.2.2")
    {
        byte[] segment = [.. Craft.Word(from), .. Craft.Word(to), 0, 0, 0, sequence, 0, 0, 0, acknowledged, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
        Craft.Word(Craft.Checksum([.. Craft.Pseudo("10.0.2.15", address, 6, segment.Length), .. segment])).CopyTo(segment, 16);
        return Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", address, 6, segment));
    }

    private UserPort Open(UserOptions options) => new("user", options, _loop.Context);

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
}
