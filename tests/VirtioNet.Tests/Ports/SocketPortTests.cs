using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Datagram;
using VhostNet.VirtioNet.Ports.Stream;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class SocketPortTests : IDisposable
{
    private readonly TestLoop _loop = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("ports-").FullName;

    public void Dispose()
    {
        _loop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DatagramsCarryFramesInOrder(bool unix)
    {
        (SocketEndpoint a, SocketEndpoint b) = Pair(unix);
        using var left = new DatagramPort("left", new DatagramOptions { Local = a, Remote = b }, _loop.Context);
        using var right = new DatagramPort("right", new DatagramOptions { Local = b, Remote = a }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(left);
        using CollectorPort to = CollectorPort.Join(right);
        left.Start();
        right.Start();
        List<byte[]> frames = Frames(250, 9000);
        SendAll(from, frames, to);
        AssertSame(frames, to.Frames);
        left.ReadCounters(out _, out FrameCounters sent);
        right.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(250, sent.Frames);
        Assert.Equal(frames.Sum(f => f.Length), sent.Bytes);
        Assert.Equal(sent.Bytes, received.Bytes);

        // And the other way.
        to.Send([frames[0]], piece: 100);
        _loop.Until(() => from.Frames.Count == 1, "the frame arrives");
        Assert.Equal(frames[0], from.Frames[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheOtherEndMayComeLaterAndComeBack(bool unix)
    {
        (SocketEndpoint a, SocketEndpoint b) = Pair(unix);
        using var left = new DatagramPort("left", new DatagramOptions { Local = a, Remote = b }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(left);
        left.Start();
        for (int round = 0; round < 3; round++)
        {
            from.Send([new byte[60], new byte[60]]);
            _loop.Drain();
            using var right = new DatagramPort("right", new DatagramOptions { Local = b, Remote = a }, _loop.Context);
            using CollectorPort to = CollectorPort.Join(right);
            right.Start();
            from.Send([Craft.Pattern(100, round)]);
            _loop.Until(() => to.Frames.Count == 1, "the frame arrives");
            Assert.Equal(Craft.Pattern(100, round), to.Frames[0]);
            to.Send([Craft.Pattern(101, round)]);
            _loop.Until(() => from.Frames.Count == round + 1, "the answer arrives");
        }

        left.ReadCounters(out _, out FrameCounters sent);
        Assert.True(!unix || sent.Drops[(int)DropReason.NotRunning] >= 4);
    }

    [Fact]
    public void DatagramsOfOthersAreNotTaken()
    {
        (SocketEndpoint a, SocketEndpoint b) = Pair(false);
        using var port = new DatagramPort("port", new DatagramOptions { Local = a, Remote = b }, _loop.Context);
        using CollectorPort collector = CollectorPort.Join(port);
        port.Start();
        using var stranger = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        stranger.Send(new byte[60], (IPEndPoint)a.EndPoint);
        using var friend = new UdpClient((IPEndPoint)b.EndPoint);
        friend.Send(new byte[13], (IPEndPoint)a.EndPoint);
        friend.Send(new byte[61], (IPEndPoint)a.EndPoint);
        _loop.Until(() => collector.Frames.Count > 0, "the frame arrives");
        _loop.Drain();
        Assert.Equal(61, Assert.Single(collector.Frames).Length);
        port.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(1, received.Drops[(int)DropReason.TooShort]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void StreamsCarryFramesInOrder(bool unix)
    {
        SocketEndpoint endpoint = unix ? SocketEndpoint.OfPath(Path.Combine(_directory, "s")) : Pair(false).First;
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context);
        using var client = new StreamPort("client", new StreamOptions { Endpoint = endpoint }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(client);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        client.Start();
        _loop.Until(() => server.IsUp && client.IsUp, "the connection stands");
        List<byte[]> frames = Frames(2000, 9000);
        SendAll(from, frames, to);
        AssertSame(frames, to.Frames);
        Assert.Equal(frames.Sum(f => (long)f.Length), server.IngressCounters.Bytes);
        SendAll(to, frames, from);
        AssertSame(frames, from.Frames);
    }

    [Fact]
    public void AStreamHoldsItsSenderBackAsFarAsTheReceiverDoes()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context);
        using var client = new StreamPort("client", new StreamOptions { Endpoint = endpoint }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(client);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        client.Start();
        _loop.Until(() => server.IsUp && client.IsUp, "the connection stands");
        to.Room = 7;
        List<byte[]> frames = Frames(200, 9000);
        int sent = 0;
        BottomHalf waiter = _loop.Context.CreateBottomHalf(() => { }, "waiter");
        while (true)
        {
            int taken = from.Send(frames, waiter: waiter);
            sent += taken;
            _loop.Drain();
            if (taken < frames.Count && !Any(() => from.Send([frames[0]], waiter: waiter) == 1, ref sent))
            {
                break;
            }
        }

        Assert.Equal(7, to.Frames.Count);
        Assert.InRange(sent, 100, 5000);
        to.MakeRoom(int.MaxValue);
        _loop.Until(() => to.Frames.Count == sent, "all have arrived");
        _loop.Drain();
    }

    [Fact]
    public void AStreamConnectsAgain()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var client = new StreamPort("client", new StreamOptions { Endpoint = endpoint, RetryMin = TimeSpan.FromMilliseconds(1) }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(client);
        client.Start();
        from.Send([new byte[60]]);
        Assert.Equal(1, client.EgressCounters.Drops[(int)DropReason.NotRunning]);
        for (int round = 1; round <= 3; round++)
        {
            using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context);
            using CollectorPort to = CollectorPort.Join(server);
            server.Start();
            _loop.Until(() => server.IsUp && client.IsUp, "the connection stands");
            Assert.Equal(round, client.Connections);
            from.Send([Craft.Pattern(300, round)]);
            _loop.Until(() => to.Frames.Count == 1, "the frame arrives");
            Assert.Equal(Craft.Pattern(300, round), to.Frames[0]);
            server.Dispose();
            _loop.Until(() => !client.IsUp, "the end is noticed");
        }
    }

    [Fact]
    public void APeerThatTakesConnectionsAndClosesThemIsNotConnectedToAgainAndAgain()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var peer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        peer.Bind(endpoint.EndPoint);
        peer.Listen(16);
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var client = new StreamPort("client", new StreamOptions { Endpoint = endpoint }, _loop.Context, clock: clock);
        using CollectorPort from = CollectorPort.Join(client);
        client.Start();
        int expected = 1;
        for (int pauseMs = 100; pauseMs < 100 << 5; pauseMs *= 2)
        {
            _loop.Until(() => client.IsUp, "the connection stands");
            peer.Accept().Dispose();
            _loop.Until(() => !client.IsUp, "the end is noticed");
            clock.Advance((pauseMs * 1_000_000L) - 1);
            _loop.Drain();
            Assert.Equal(expected, client.Connections);
            clock.Advance(2);
            expected++;
        }

        // One that carried frames begins with the shortest pause again, one that lasted is replaced at once.
        _loop.Until(() => client.IsUp, "the connection stands");
        using (Socket taken = peer.Accept())
        {
            taken.Send([0, 0, 0, 60, .. new byte[60]]);
            _loop.Until(() => from.Frames.Count == 1, "a frame arrives");
        }

        _loop.Until(() => !client.IsUp, "the end is noticed");
        clock.Advance(100_000_001);
        _loop.Until(() => client.IsUp, "the connection stands again");
        clock.Advance(10_000_000_000);
        peer.Accept().Dispose();
        int connections = client.Connections;
        _loop.Until(() => client.Connections > connections, "it is replaced at once");
    }

    [Fact]
    public void APeerThatReadsAsFastAsFramesComeDoesNotHoldTheThread()
    {
        (SocketEndpoint endpoint, _) = Pair(false);
        using var listener = new TcpListener((IPEndPoint)endpoint.EndPoint);
        listener.Start();
        using var sender = new StreamSender();
        using FileDescriptor fd = VirtioNet.Ports.Sockets.SocketCalls.Open(AF_INET, SOCK_STREAM);
        Assert.Equal(EINPROGRESS, VirtioNet.Ports.Sockets.SocketCalls.Connect(fd, endpoint.EndPoint));
        using Socket peer = listener.AcceptSocket();
        using var burst = new FrameBurst();
        byte[] frame = GC.AllocateArray<byte>(100, pinned: true);
        burst.TryAdd(default, System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(frame, 0), 100);
        int queued = 0;
        for (; queued < 1000; queued++)
        {
            Assert.True(sender.TryQueue(burst, 0));
        }

        int turns = 0;
        int released = 0;
        for (; !sender.IsEmpty; turns++)
        {
            var budget = new VhostUser.Virtqueues.TurnBudget(2 * VhostUser.Virtqueues.TurnBudget.CallCost);
            Assert.Equal(0, sender.Write(fd.Value, ref budget, out int now));
            Assert.True(budget.IsSpent || sender.IsEmpty);
            Assert.InRange(now, 1, 2 * 64);
            released += now;
        }

        Assert.Equal(queued, released);
        Assert.InRange(turns, queued / 128, queued / 64 + 1);
    }

    [Fact]
    public void AFaultTakesAStreamDownAndItConnectsAgain()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true, RetryMin = TimeSpan.FromMilliseconds(1) }, _loop.Context);
        using var client = new StreamPort("client", new StreamOptions { Endpoint = endpoint }, _loop.Context) { RevivalClock = clock };
        using CollectorPort from = CollectorPort.Join(client);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        client.Start();
        for (int round = 1; round <= 3; round++)
        {
            _loop.Until(() => server.IsUp && client.IsUp, "the connection stands");
            _loop.Context.ScheduleOneShot(() => client.Fault("client.rx", new InvalidOperationException("planted")), "fault");
            _loop.Until(() => !client.IsUp && !server.IsUp, "both are down");
            from.Send([new byte[60]]);
            Assert.Equal((round, round), (client.Faults, client.EgressCounters.Drops[(int)DropReason.NotRunning]));
            clock.Advance((Port.RevivalMinNs << (round - 1)) - 1);
            _loop.Drain();
            Assert.True(client.IsFaulted);
            clock.Advance(2);
        }

        _loop.Until(() => server.IsUp && client.IsUp, "the connection stands");
        from.Send([Craft.Pattern(300)]);
        _loop.Until(() => to.Frames.Count == 1, "the frame arrives");
    }

    [Fact]
    public void AFaultOfADatagramPortStopsItAndItGoesOnAfterAPause()
    {
        (SocketEndpoint a, SocketEndpoint b) = Pair(true);
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var left = new DatagramPort("left", new DatagramOptions { Local = a, Remote = b }, _loop.Context) { RevivalClock = clock };
        using var right = new DatagramPort("right", new DatagramOptions { Local = b, Remote = a }, _loop.Context);
        using CollectorPort from = CollectorPort.Join(left);
        using CollectorPort to = CollectorPort.Join(right);
        left.Start();
        right.Start();
        _loop.Context.ScheduleOneShot(() => left.Fault("left.rx0", new InvalidOperationException("planted")), "fault");
        _loop.Drain();
        from.Send([new byte[60]]);
        to.Send([new byte[60]]);
        _loop.Drain();
        left.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal((false, 1, 0, 0), (left.IsUp, sent.Drops[(int)DropReason.NotRunning], from.Frames.Count, to.Frames.Count));
        clock.Advance(Port.RevivalMinNs + 1);
        _loop.Until(() => from.Frames.Count == 1, "what waited in the socket arrives");
        from.Send([new byte[60]]);
        _loop.Until(() => to.Frames.Count == 1, "and frames go out again");
        Assert.True(left.IsUp);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(13u)]
    [InlineData(69633u)]
    [InlineData(uint.MaxValue)]
    public void ALengthThatMakesNoSenseEndsTheConnection(uint length)
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(endpoint.EndPoint);
        _loop.Until(() => server.IsUp, "the connection stands");
        byte[] prefix = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(prefix, 60);
        client.Send([.. prefix, .. new byte[60]]);
        BinaryPrimitives.WriteUInt32BigEndian(prefix, length);
        client.Send(prefix);
        _loop.Until(() => !server.IsUp, "the connection is ended");
        Assert.Single(to.Frames);
        Assert.Equal(1, server.IngressCounters.Drops[(int)DropReason.BadHeader]);
        Assert.Equal(0, client.Receive(new byte[1]));
    }

    [Fact]
    public void FramesInTheSmallestPiecesArrive()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(endpoint.EndPoint);
        byte[] frame = Craft.Pattern(70);
        byte[] bytes = [0, 0, 0, 70, .. frame, 0, 0, 0, 70, .. frame];
        foreach (byte b in bytes)
        {
            client.Send([b]);
            _loop.Drain();
        }

        _loop.Until(() => to.Frames.Count == 2, "both arrive");
        Assert.All(to.Frames, f => Assert.Equal(frame, f));
    }

    [Fact]
    public void QemusDgramAndStreamUnderstandUs()
    {
        // QEMU without a machine joins a dgram and a stream netdev by a hub: what goes in by one comes out by the other.
        const string qemu = "/usr/bin/qemu-system-x86_64";
        Assert.True(File.Exists(qemu), $"{qemu} is not installed; eng/install.sh installs it.");
        (SocketEndpoint ours, SocketEndpoint theirs) = Pair(false);
        string path = Path.Combine(_directory, "q");
        var (ip, port) = ((IPEndPoint)ours.EndPoint, (IPEndPoint)theirs.EndPoint);
        using var stream = new StreamPort("stream", new StreamOptions { Endpoint = SocketEndpoint.OfPath(path), Listen = true }, _loop.Context);
        using CollectorPort streamEnd = CollectorPort.Join(stream);
        stream.Start();
        using var process = Process.Start(qemu,
        [
            "-machine", "none", "-display", "none", "-nodefaults", "-monitor", "none", "-serial", "none",
            "-netdev", $"dgram,id=d,local.type=inet,local.host=127.0.0.1,local.port={port.Port},remote.type=inet,remote.host=127.0.0.1,remote.port={ip.Port}",
            "-netdev", $"stream,id=s,server=off,addr.type=unix,addr.path={path}",
            "-netdev", "hubport,id=h1,hubid=0,netdev=d", "-netdev", "hubport,id=h2,hubid=0,netdev=s",
        ]);
        try
        {
            using var datagram = new DatagramPort("datagram", new DatagramOptions { Local = ours, Remote = theirs }, _loop.Context);
            using CollectorPort datagramEnd = CollectorPort.Join(datagram);
            datagram.Start();
            _loop.Until(() => stream.IsUp, "QEMU connects");

            // What the stream carries waits until QEMU has everything in place, and so it goes first.
            List<byte[]> frames = Frames(50, 1500);
            streamEnd.Send(frames);
            _loop.Until(() => datagramEnd.Frames.Count == 50, "the frames arrive");
            AssertSame(frames, datagramEnd.Frames);
            foreach (byte[] frame in frames)
            {
                datagramEnd.Send([frame]);
                _loop.Until(() => streamEnd.Frames.Count > 0 && streamEnd.Frames[^1].SequenceEqual(frame), "the frame comes back");
            }
        }
        finally
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    [Fact]
    public void ErrorsNameTheAddressAndTheRemedy()
    {
        (SocketEndpoint a, SocketEndpoint b) = Pair(false);
        using var first = new DatagramPort("first", new DatagramOptions { Local = a, Remote = b }, _loop.Context);
        RefusedDatagram(a, b, "in use");
        RefusedDatagram(SocketEndpoint.Parse("192.0.2.1:5000"), b, "no address of this host");
        RefusedDatagram(b, SocketEndpoint.Parse("224.0.0.1:5000"), "one host");
        RefusedDatagram(b, SocketEndpoint.Parse("[::1]:5000"), "one kind");
        RefusedDatagram(SocketEndpoint.Parse("unix:/nonexistent/a"), SocketEndpoint.Parse("unix:/nonexistent/b"), "does not exist");

        string path = Path.Combine(_directory, "s");
        using var server = new StreamPort("server", new StreamOptions { Endpoint = SocketEndpoint.OfPath(path), Listen = true }, _loop.Context);
        PortException e = Assert.Throws<PortException>(() => new StreamPort("other", new StreamOptions { Endpoint = SocketEndpoint.OfPath(path), Listen = true }, _loop.Context));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains("in use", e.Message, StringComparison.Ordinal);
        string file = Path.Combine(_directory, "file");
        File.WriteAllText(file, "precious");
        e = Assert.Throws<PortException>(() => new StreamPort("other", new StreamOptions { Endpoint = SocketEndpoint.OfPath(file), Listen = true }, _loop.Context));
        Assert.Contains("not a socket", e.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(file));
    }

    [Fact]
    public void AStaleSocketFileIsReplaced()
    {
        string path = Path.Combine(_directory, "stale");
        int dead = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address = sockaddr_un.FromPath(path);
        unsafe
        {
            Assert.Equal(0, bind(dead, &address, (uint)sizeof(sockaddr_un)));
        }

        Assert.Equal(0, close(dead));
        Assert.True(File.Exists(path));
        using var server = new StreamPort("server", new StreamOptions { Endpoint = SocketEndpoint.OfPath(path), Listen = true }, _loop.Context);
        Assert.True(File.Exists(path));
        server.Dispose();
        Assert.False(File.Exists(path));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:99999")]
    [InlineData("::1:5000")]
    [InlineData("localhost:5000")]
    [InlineData("unix:")]
    public void AMalformedAddressIsRefusedByName(string text)
    {
        FormatException e = Assert.Throws<FormatException>(() => SocketEndpoint.Parse(text));
        Assert.Contains("'" + text.Replace("unix:", string.Empty, StringComparison.Ordinal), e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:5000-127.0.0.1:5001", "127.0.0.1:5000", "127.0.0.1:5001")]
    [InlineData(":5000-[::1]:5001", "0.0.0.0:5000", "[::1]:5001")]
    [InlineData("unix:/a-b-unix:/c-d", "unix:/a-b", "unix:/c-d")]
    public void AddressPairsAreRead(string text, string local, string remote)
    {
        DatagramOptions options = DatagramOptions.Parse(text);
        Assert.Equal(local, options.Local.ToString());
        Assert.Equal(remote, options.Remote.ToString());
    }

    private static bool Any(Func<bool> attempt, ref int sent)
    {
        bool success = attempt();
        sent += success ? 1 : 0;
        return success;
    }

    /// <summary>Compares by spans: xunit's comparison of long arrays takes seconds.</summary>
    private static void AssertSame(List<byte[]> expected, List<byte[]> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"frame {i} differs");
        }
    }

    private static List<byte[]> Frames(int count, int longest)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(i => Craft.Pattern(random.Next(14, longest), i))];
    }

    private void RefusedDatagram(SocketEndpoint local, SocketEndpoint remote, string expected)
    {
        PortException e = Assert.ThrowsAny<PortException>(() => new DatagramPort("p", new DatagramOptions { Local = local, Remote = remote }, _loop.Context));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains(local.ToString(), e.Message, StringComparison.Ordinal);
    }

    /// <summary>Sends frames as the receiver takes them: what is held back goes again when the waiter was scheduled.</summary>
    private void SendAll(CollectorPort from, List<byte[]> frames, CollectorPort to)
    {
        int sent = 0;
        BottomHalf? waiter = null;
        waiter = _loop.Context.CreateBottomHalf(() =>
        {
            while (sent < frames.Count)
            {
                List<byte[]> next = frames.GetRange(sent, Math.Min(30, frames.Count - sent));
                int taken = from.Send(next, piece: 1000, waiter: waiter);
                sent += taken;
                if (taken < next.Count)
                {
                    break;
                }
            }
        }, "send");
        waiter.Schedule();
        _loop.Until(() => to.Frames.Count == frames.Count, "all frames arrive");
    }

    private (SocketEndpoint First, SocketEndpoint Second) Pair(bool unix)
    {
        if (unix)
        {
            return (SocketEndpoint.OfPath(Path.Combine(_directory, "a")), SocketEndpoint.OfPath(Path.Combine(_directory, "b")));
        }

        using var a = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var b = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        return (SocketEndpoint.Of((IPEndPoint)a.Client.LocalEndPoint!), SocketEndpoint.Of((IPEndPoint)b.Client.LocalEndPoint!));
    }
}
