using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.AfPacket;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Datagram;
using VhostNet.VirtioNet.Ports.Stream;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.Tests.Datapath;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>
/// Every error number of Linux at every call of every kind of port: what may happen once is counted by name and gone over, a storm of it does not keep the thread busy, and
/// only what is really gone ends the port, which says so.
/// Alone, as a process that another test starts holds a tap until its exec.</summary>
[Collection(Alone.Name)]
public sealed class CallErrorTests : IDisposable
{
    private const int Last = 133;

    private readonly TestLoop _loop = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(1_000_000_000);
    private readonly string _directory = Directory.CreateTempSubdirectory("errors-").FullName;
    private readonly List<string> _said = [];

    public void Dispose()
    {
        _loop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void EveryErrorOfAReceiveOfADatagramSocket()
    {
        SocketEndpoint a = Free();
        SocketEndpoint b = Free();
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        peer.Bind(b.EndPoint);
        EveryReceive("recvmmsg", CallKind.DatagramReceive, () => new DatagramPort("port", new DatagramOptions { Local = a, Remote = b }, _loop.Context), n =>
            peer.SendTo(Numbered(n), a.EndPoint));
    }

    [Fact]
    public void EveryErrorOfAReceiveOfAPacketSocket()
    {
        using NetNamespace net = Veth();
        using FileDescriptor sender = net.Run(() => PacketSockets.Open(new AfPacketOptions { Interface = "v1" }, out _)[0]);
        EveryReceive("recvmmsg", CallKind.PacketReceive, () => net.Run(() => new AfPacketPort("port", new AfPacketOptions { Interface = "v0" }, [_loop.Context])), n =>
            Assert.Equal(70, send(sender.Value, (byte[])[.. new byte[10], .. Numbered(n)], 0)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EveryErrorOfAReadOfATap(bool direct)
    {
        using var net = new NetNamespace();
        using ReceivingGuest? guest = direct ? new ReceivingGuest(0, 2048) : null;
        guest?.Offer();
        FileDescriptor? sender = null;
        EveryReceive(
            direct ? "readv" : "read",
            CallKind.TapRead,
            () =>
            {
                TapPort tap = net.Run(() => new TapPort("port", new TapOptions { Name = "t0" }, [_loop.Context]));
                sender?.Dispose();
                sender = net.Run(() => PacketSockets.Open(new AfPacketOptions { Interface = "t0" }, out _)[0]);
                return tap;
            },
            n => Assert.Equal(70, send(sender!.Value, (byte[])[.. new byte[10], .. Numbered(n)], 0)),
            guest);
        sender?.Dispose();
    }

    [Fact]
    public void EveryErrorOfASendOfADatagramSocket()
    {
        SocketEndpoint a = Free();
        SocketEndpoint b = Free();
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10000 };
        peer.Bind(b.EndPoint);
        EverySend("sendmmsg", CallKind.DatagramSend, () => new DatagramPort("port", new DatagramOptions { Local = a, Remote = b }, _loop.Context), () =>
            Assert.Equal(60, peer.Receive(new byte[100])));
    }

    [Fact]
    public void EveryErrorOfASendOfAPacketSocket()
    {
        using NetNamespace net = Veth();
        using FileDescriptor peer = net.Run(() => PacketSockets.Open(new AfPacketOptions { Interface = "v1" }, out _)[0]);
        EverySend("sendmmsg", CallKind.PacketSend, () => net.Run(() => new AfPacketPort("port", new AfPacketOptions { Interface = "v0" }, [_loop.Context])), () =>
            Assert.True(recv(peer.Value, new byte[100], MSG_DONTWAIT) > 60));
    }

    [Fact]
    public void EveryErrorOfAWriteOfATap()
    {
        using var net = new NetNamespace();
        EverySend("writev", CallKind.TapWrite, () => net.Run(() => new TapPort("port", new TapOptions { Name = "t0" }, [_loop.Context])), () => { });
    }

    [Fact]
    public void EveryErrorOfAStreamsReceive()
    {
        for (int n = 1; n <= Last; n++)
        {
            using Connection c = Connect();
            c.Client.Send(Framed(n));
            Fail("recvfrom", n, () => Turn(40));
            AssertCounted(c.Server, CallKind.StreamReceive, n, 1);
            if (new Errno(n).ClassOf(CallKind.StreamReceive) == ErrnoClass.Gone)
            {
                Assert.False(c.Server.IsUp);
                Assert.Contains("ended: ", c.Server.DownReason, StringComparison.Ordinal);
            }
            else
            {
                Assert.True(c.Server.IsUp);
                _clock.Advance(QueueErrors.PauseMaxNs);
                _loop.Until(() => c.To.Frames.Count == 1, "the frame arrives");
                Assert.Equal(Numbered(n), c.To.Frames[0]);
            }
        }
    }

    [Fact]
    public void EveryErrorOfAStreamsSend()
    {
        foreach (int n in Numbers(withInterrupt: false))
        {
            using Connection c = Connect();
            Fail("sendmsg", n, () =>
            {
                Assert.Equal(1, c.To.Send([Numbered(n)]));
                Turn(40);
            });
            AssertCounted(c.Server, CallKind.StreamSend, n, 1);
            bool gone = new Errno(n).ClassOf(CallKind.StreamSend) == ErrnoClass.Gone;
            Assert.Equal(!gone, c.Server.IsUp);
            if (!gone)
            {
                _clock.Advance(QueueErrors.PauseMaxNs);
                _loop.Drain();
                byte[] got = new byte[64];
                Assert.Equal(64, c.Client.Receive(got));
                Assert.Equal(Framed(n), got);
            }
        }
    }

    [Fact]
    public void EveryErrorOfAnAccept()
    {
        for (int n = 1; n <= Last; n++)
        {
            SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
            using StreamPort server = Watched(new StreamPort("port", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context, clock: _clock));
            server.Start();
            _loop.Drain();
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(endpoint.EndPoint);
            Fail("accept4", n, () => Turn(40));
            AssertCounted(server, CallKind.Accept, n, 1);
            Assert.False(server.IsUp);
            using var second = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            _clock.Advance(200_000_000);
            _loop.Drain();
            if (!server.IsUp)
            {
                // The listening socket was given up and made anew.
                Assert.Equal(ErrnoClass.Gone, new Errno(n).ClassOf(CallKind.Accept));
                second.Connect(endpoint.EndPoint);
            }

            _loop.Until(() => server.IsUp, "a connection stands");
            Assert.Null(server.DownReason);
        }
    }

    [Fact]
    public void EveryErrorOfAConnect()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(endpoint.EndPoint);
        listener.Listen(16);
        for (int n = 1; n <= Last; n++)
        {
            if (n == EINPROGRESS)
            {
                // Not an error: the connection is being made.
                continue;
            }

            using StreamPort client = Watched(new StreamPort("port", new StreamOptions { Endpoint = endpoint }, _loop.Context, clock: _clock));
            Fail("connect", n, () =>
            {
                client.Start();
                Turn(40);
            });
            AssertCounted(client, CallKind.Connect, n, 1);
            Assert.Contains("not connected to unix:", client.DownReason, StringComparison.Ordinal);
            _clock.Advance(200_000_000);
            _loop.Until(() => client.IsUp, "a connection stands");
            listener.Accept().Dispose();
        }
    }

    [Fact]
    public void EveryErrorOfTheWatchTakesThePortDownForAMoment()
    {
        SocketEndpoint a = Free();
        SocketEndpoint b = Free();
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        peer.Bind(b.EndPoint);
        for (int n = 1; n <= Last; n++)
        {
            using var port = new DatagramPort("port", new DatagramOptions { Local = a, Remote = b }, _loop.Context) { RevivalClock = _clock };
            using CollectorPort collector = CollectorPort.Join(port);
            Fail("epoll_ctl", n, () =>
            {
                port.Start();
                Turn(40);
            });
            Assert.Equal((1, false), (port.Faults, port.IsUp));
            Assert.Contains("epoll_ctl", port.FaultReason, StringComparison.Ordinal);
            _clock.Advance(Port.RevivalMinNs);
            peer.SendTo(Numbered(n), a.EndPoint);
            _loop.Until(() => collector.Frames.Count == 1, "the frame arrives");
            Assert.True(port.IsUp);
        }
    }

    /// <summary>A frame waits in the kernel while every look at it fails.</summary>
    private void EveryReceive(string call, CallKind kind, Func<Port> open, Action<int> arrive, ReceivingGuest? guest = null)
    {
        foreach (int n in Numbers(withInterrupt: call != "readv"))
        {
            using Port port = Watched(open());
            port.RevivalClock = _clock;
            using CollectorPort? collector = guest is null ? CollectorPort.Join(port) : null;
            WireNetwork? wire = guest is null ? null : new WireNetwork("wire");
            wire?.Attach(port);
            wire?.Attach(guest!.Port);
            port.Start();
            _loop.Drain();
            collector?.Frames.Clear();
            guest?.Take();
            guest?.Offer();
            arrive(n);
            Fail(call, n, () => Turn(60));
            bool gone = new Errno(n).ClassOf(kind) == ErrnoClass.Gone;
            AssertCounted(port, kind, n, gone ? 1 : QueueErrors.FreeInARow + 1);
            Assert.Equal(gone, port.IsDown);
            Assert.Equal(!gone, port.IsUp);
            Assert.Equal(0, port.Faults);
            if (!gone)
            {
                _clock.Advance(QueueErrors.PauseMinNs);
                var frames = new List<byte[]>();
                _loop.Until(() => Arrived(collector, guest, frames).Any(f => f.AsSpan().SequenceEqual(Numbered(n))), $"the frame arrives after {new Errno(n).Name}");
            }

            wire?.Detach(guest!.Port);
            wire?.Detach(port);
        }
    }

    private void EverySend(string call, CallKind kind, Func<Port> open, Action received)
    {
        foreach (int n in Numbers(withInterrupt: false))
        {
            using Port port = Watched(open());
            port.RevivalClock = _clock;
            using CollectorPort collector = CollectorPort.Join(port);
            port.Start();
            _loop.Drain();
            Fail(call, n, () =>
            {
                Assert.Equal(1, collector.Send([Numbered(n)]));
                Turn(40);
            });
            port.ReadCounters(out _, out FrameCounters sent);
            Assert.Equal(1, sent.DroppedTotal);
            AssertCounted(port, kind, n, 1);
            bool gone = new Errno(n).ClassOf(kind) == ErrnoClass.Gone;
            Assert.Equal((gone, !gone, 0), (port.IsDown, port.IsUp, port.Faults));
            Assert.Equal(1, collector.Send([Numbered(n)]));
            if (!gone)
            {
                port.ReadCounters(out _, out sent);
                Assert.Equal(1, sent.Frames);
                received();
            }
        }
    }

    /// <summary>All error numbers; a call that is made again at once when a signal interrupted it would be made for ever under a filter.</summary>
    private static IEnumerable<int> Numbers(bool withInterrupt) => Enumerable.Range(1, Last).Where(n => withInterrupt || n != EINTR);

    /// <summary>The errors of the call are counted under its name, not at all when nothing failed, and said once.</summary>
    private void AssertCounted(Port port, CallKind kind, int number, int expected)
    {
        var why = new Errno(number);
        ErrnoClass found = why.ClassOf(kind);
        Assert.Equal(found == ErrnoClass.Retry ? 0 : expected, port.Errors?[kind, number] ?? 0);
        Assert.Equal(found == ErrnoClass.Retry ? 0 : expected, port.Errors?.Total ?? 0);
        bool isSaid = found == ErrnoClass.Once && !(number == ENOBUFS && kind is CallKind.DatagramSend or CallKind.PacketSend or CallKind.TapWrite);
        Assert.Equal(isSaid ? 1 : 0, _said.Count(s => s.Contains($"{kind} failed with {why.Name}, ", StringComparison.Ordinal)));
        Assert.Equal(isSaid ? 1 : 0, _said.Count);
    }

    private static List<byte[]> Arrived(CollectorPort? collector, ReceivingGuest? guest, List<byte[]> frames)
    {
        frames.AddRange(guest?.Take() ?? []);
        return collector?.Frames ?? frames;
    }

    private TPort Watched<TPort>(TPort port)
        where TPort : Port
    {
        _said.Clear();
        port.Noticed += (_, sentence) => _said.Add(sentence);
        return port;
    }

    private void Turn(int times)
    {
        for (int i = 0; i < times; i++)
        {
            _loop.Context.Poll(false);
        }
    }

    /// <summary>Has the loop turned by a thread whose calls fail, and takes it back.</summary>
    private void Fail(string call, int number, Action action)
    {
        try
        {
            FailingCalls.Run(call, number, () =>
            {
                _loop.Context.BindToCurrentThread();
                action();
            });
        }
        finally
        {
            _loop.Context.BindToCurrentThread();
        }
    }

    private Connection Connect()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        StreamPort server = Watched(new StreamPort("port", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context, clock: _clock));
        CollectorPort to = CollectorPort.Join(server);
        server.Start();
        _loop.Drain();
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10000 };
        client.Connect(endpoint.EndPoint);
        _loop.Until(() => server.IsUp, "the connection stands");
        return new Connection(server, to, client);
    }

    private static NetNamespace Veth()
    {
        var net = new NetNamespace();
        net.Ip("link add v0 type veth peer name v1");
        net.Ip("link set v0 up");
        net.Ip("link set v1 up");
        return net;
    }

    private static SocketEndpoint Free()
    {
        using var probe = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        return SocketEndpoint.Of((IPEndPoint)probe.Client.LocalEndPoint!);
    }

    private static byte[] Numbered(int number) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, (byte)number, .. new byte[45]];

    private static byte[] Framed(int number) => [0, 0, 0, 60, .. Numbered(number)];

    private sealed record Connection(StreamPort Server, CollectorPort To, Socket Client) : IDisposable
    {
        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
            To.Dispose();
        }
    }
}
