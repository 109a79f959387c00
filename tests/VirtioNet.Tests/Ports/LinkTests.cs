using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.AfPacket;
using VhostNet.VirtioNet.Ports.Datagram;
using VhostNet.VirtioNet.Ports.Links;
using VhostNet.VirtioNet.Ports.Tap;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Interfaces and bridges go away and come back, and the ports that use them with them. All of it happens on the namespace's thread, as sockets belong to that.</summary>
public sealed class LinkTests : IDisposable
{
    private readonly NetNamespace _namespace = new();
    private readonly TestLoop _loop;
    private readonly LinkWatcher _links;
    private readonly List<string> _said = [];

    public LinkTests()
    {
        _loop = _namespace.Run(() => new TestLoop());
        _links = _namespace.Run(() => new LinkWatcher(_loop.Context));
        Until(() => _links.IsComplete, "the interfaces are listed");
    }

    public void Dispose()
    {
        _namespace.Run(() =>
        {
            _links.Dispose();
            _loop.Dispose();
            return 0;
        });
        _namespace.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void APacketPortComesBackWithItsInterface(int queues)
    {
        Veth();
        using Rig<AfPacketPort> rig = Open(() => new AfPacketPort("port", new AfPacketOptions { Interface = "v0", Queues = queues }, [_loop.Context], _links, _loop.Context));
        AssertFramesPass(rig, "v1");
        for (int round = 1; round <= 2; round++)
        {
            _namespace.Ip("link del v0");
            Until(() => !rig.Port.IsUp, "the port is down");
            Assert.Contains("v0", rig.Port.DownReason, StringComparison.Ordinal);
            Assert.Equal(0, SentBySwitch(rig));
            Veth();
            Until(() => rig.Port.IsUp, "the port is up");
            Assert.Null(rig.Port.DownReason);
            AssertFramesPass(rig, "v1");
            Assert.Equal(round, _said.Count(s => s.Contains("is down", StringComparison.Ordinal)));
            Assert.Equal(round, _said.Count(s => s.Contains("is up again", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void AnInterfaceThatIsDownTakesThePortDown()
    {
        Veth();
        _namespace.Ip("link set v0 down");
        using Rig<AfPacketPort> rig = Open(() => new AfPacketPort("port", new AfPacketOptions { Interface = "v0" }, [_loop.Context], _links, _loop.Context));
        Until(() => !rig.Port.IsUp, "the port is down");
        Assert.Contains("ip link set v0 up", rig.Port.DownReason, StringComparison.Ordinal);
        _namespace.Ip("link set v0 up");
        Until(() => rig.Port.IsUp, "the port is up");
        AssertFramesPass(rig, "v1");
    }

    [Fact]
    public void ATapJoinsABridgeThatIsMadeAnew()
    {
        _namespace.Ip("link add br0 type bridge");
        using Rig<TapPort> rig = Open(() => new TapPort("port", new TapOptions { Name = "t0", Bridge = "br0" }, [_loop.Context], _links, _loop.Context));
        Until(() => rig.Port.IsUp, "the port is up");
        _namespace.Ip("link del br0");
        Until(() => !rig.Port.IsUp, "the port is down");
        Assert.Contains("br0", rig.Port.DownReason, StringComparison.Ordinal);
        Assert.Equal(0, SentBySwitch(rig));
        _namespace.Ip("link add br0 type bridge");
        Until(() => rig.Port.IsUp, "the port is up");
        Assert.Contains("master br0", _namespace.Ip("-o link show dev t0"), StringComparison.Ordinal);
        Assert.Single(_said, s => s.Contains("is up again", StringComparison.Ordinal));

        // What the administrator decided stays so.
        _namespace.Ip("link set t0 nomaster");
        _namespace.Ip("link set br0 up");
        Settle();
        Assert.DoesNotContain("master br0", _namespace.Ip("-o link show dev t0"), StringComparison.Ordinal);
        Assert.True(rig.Port.IsUp);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ATapOfThePortsOwnIsMadeAnew(int queues)
    {
        using Rig<TapPort> rig = Open(() => new TapPort("port", new TapOptions { Name = "t0", Queues = queues }, [_loop.Context], _links, _loop.Context));
        AssertFramesPass(rig, "t0");
        _namespace.Ip("link del t0");
        Until(() => _said.Count > 0, "the port notices");
        Until(() => rig.Port.IsUp, "the port is up");
        Settle();
        Assert.True(rig.Port.IsUp, rig.Port.DownReason);
        Assert.Equal(2, _said.Count);
        AssertFramesPass(rig, "t0");
    }

    [Fact]
    public void ATapOfSomebodyElseIsWaitedFor()
    {
        _namespace.Ip("tuntap add dev t0 mode tap vnet_hdr");
        using Rig<TapPort> rig = Open(() => new TapPort("port", new TapOptions { Name = "t0" }, [_loop.Context], _links, _loop.Context));
        AssertFramesPass(rig, "t0");
        _namespace.Ip("link del t0");
        Until(() => !rig.Port.IsUp, "the port is down");
        Settle();
        Assert.DoesNotContain("t0", _namespace.Ip("-o link show"), StringComparison.Ordinal);
        _namespace.Ip("tuntap add dev t0 mode tap vnet_hdr");
        Until(() => rig.Port.IsUp, "the port is up");
        AssertFramesPass(rig, "t0");
    }

    [Fact]
    public void AnotherNameChangesNothing()
    {
        using Rig<TapPort> rig = Open(() => new TapPort("port", new TapOptions { Name = "t0" }, [_loop.Context], _links, _loop.Context));
        _namespace.Ip("link set t0 down");
        _namespace.Ip("link set t0 name t1");
        _namespace.Ip("link set t1 up");
        Until(() => rig.Port.InterfaceName == "t1" && rig.Port.IsUp, "the port knows the name");
        AssertFramesPass(rig, "t1");
    }

    /// <summary>The first connect chooses an address of the host for good; here that address goes away, as with another DHCP lease.</summary>
    [Fact]
    public void ADatagramPortSendsFromTheHostsNewAddress()
    {
        using var far = new NetNamespace();
        _namespace.Ip("link add v0 type veth peer name v1");
        _namespace.Ip($"link set v1 netns {far.Run(gettid)}");
        _namespace.Ip("link set v0 up");
        far.Ip("link set v1 up");
        using Rig<DatagramPort> rig = Open(() => new DatagramPort(
            "port", new DatagramOptions { Local = SocketEndpoint.Parse("0.0.0.0:7000"), Remote = SocketEndpoint.Parse("10.77.0.9:7001") }, _loop.Context));
        CollectorPort guest = rig.Guest;

        // No address yet, so no way: nothing is taken from anybody, and nothing ends.
        _namespace.Run(() => guest.Send([Broadcast()]));
        far.Ip("addr add 10.77.0.9/24 dev v1");
        for (int host = 1; host <= 3; host++)
        {
            if (host > 1)
            {
                _namespace.Ip($"addr del 10.77.0.{host - 1}/24 dev v0");
            }

            _namespace.Ip($"addr add 10.77.0.{host}/24 dev v0");
            using UdpClient peer = far.Run(() => new UdpClient(IPEndPoint.Parse("10.77.0.9:7001")) { Client = { ReceiveTimeout = 200 } });
            byte[] got = [];
            var from = new IPEndPoint(IPAddress.Any, 0);
            for (int attempt = 0; got.Length == 0 && attempt < 100; attempt++)
            {
                _namespace.Run(() => guest.Send([Broadcast()]));
                Drain();
                try
                {
                    got = peer.Receive(ref from);
                }
                catch (SocketException)
                {
                    // Nothing yet: neighbours have to find each other first.
                }
            }

            Assert.Equal(IPEndPoint.Parse($"10.77.0.{host}:7000"), from);
            Assert.True(rig.Port.IsUp);

            // And back, from the peer alone.
            guest.Frames.Clear();
            using UdpClient stranger = far.Run(() => new UdpClient(IPEndPoint.Parse("10.77.0.9:7002")));
            stranger.Send(new byte[77], from);
            peer.Send(Broadcast(), from);
            Until(() => guest.Frames.Count > 0, "the answer arrives");
            Assert.Equal(Broadcast(), Assert.Single(guest.Frames));
        }
    }

    [Fact]
    public void ADatagramPortWithoutAWayTakesNothingFromStrangers()
    {
        using Rig<DatagramPort> rig = Open(() => new DatagramPort(
            "port", new DatagramOptions { Local = SocketEndpoint.Parse("127.0.0.1:7000"), Remote = SocketEndpoint.Parse("10.99.0.1:7001") }, _loop.Context));
        using UdpClient stranger = _namespace.Run(() => new UdpClient(IPEndPoint.Parse("127.0.0.1:7001")));
        stranger.Send(new byte[77], IPEndPoint.Parse("127.0.0.1:7000"));
        Drain();
        Assert.Empty(rig.Guest.Frames);
        rig.Port.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(0, received.DroppedTotal);
        Assert.NotEqual(0, rig.Port.Errors![CallKind.Connect, ENETUNREACH]);
    }

    [Fact]
    public void WhatIsMissedIsListedAnew()
    {
        Veth();
        LinkWatcher small = _namespace.Run(() => new LinkWatcher(_loop.Context, bufferBytes: 2048));
        using (Rig<AfPacketPort> rig = Open(() => new AfPacketPort("port", new AfPacketOptions { Interface = "v0" }, [_loop.Context], small, _loop.Context)))
        {
            Until(() => small.IsComplete, "the interfaces are listed");
            for (int i = 0; i < 30; i++)
            {
                _namespace.Ip($"link add x{i} type veth peer name y{i}");
            }

            _namespace.Ip("link del v0");
            Until(() => !rig.Port.IsUp, "the port is down");
            Until(() => small.Renewals > 0, "something was missed");
            Veth();
            Until(() => rig.Port.IsUp, "the port is up");
            AssertFramesPass(rig, "v1");
        }

        _namespace.Run(() =>
        {
            small.Dispose();
            return 0;
        });
    }

    /// <summary>Every error of the watcher's own receive leads to a list of all.</summary>
    [Fact]
    public void EveryErrorOfTheWatchersReceive()
    {
        using var loop = new TestLoop();
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var watcher = new LinkWatcher(loop.Context, clock);
        for (int n = 1; n <= 133; n++)
        {
            loop.Until(() => watcher.IsComplete, "the interfaces are listed");
            long before = watcher.Renewals;
            watcher.ListAnew();
            try
            {
                FailingCalls.Run("recvfrom", n, () =>
                {
                    loop.Context.BindToCurrentThread();
                    for (int i = 0; i < 40; i++)
                    {
                        loop.Context.Poll(false);
                    }
                });
            }
            finally
            {
                loop.Context.BindToCurrentThread();
            }

            clock.Advance(100_000_000);
            loop.Until(() => watcher.IsComplete, $"the interfaces are listed after {new Errno(n).Name}");
            Assert.Equal(before + (n is EINTR or EAGAIN ? 0 : 1), watcher.Renewals);
        }
    }

    private Rig<TPort> Open<TPort>(Func<TPort> open)
        where TPort : Port
    {
        return _namespace.Run(() =>
        {
            TPort port = open();
            port.OutsideChanged += (_, sentence, _) => _said.Add(sentence);
            var net = new SwitchNetwork("switch");
            CollectorPort guest = CollectorPort.Alone();
            net.Attach(port);
            net.Attach(guest);
            port.Start();
            return new Rig<TPort>(port, guest, net, _namespace);
        });
    }

    /// <summary>How many frames the port is given of one to everybody.</summary>
    private long SentBySwitch<TPort>(Rig<TPort> rig)
        where TPort : Port
    {
        Drain();
        rig.Port.ReadCounters(out _, out FrameCounters before);
        _namespace.Run(() => rig.Guest.Send([Broadcast()]));
        rig.Port.ReadCounters(out _, out FrameCounters after);
        return after.Frames - before.Frames + after.DroppedTotal - before.DroppedTotal;
    }

    private void AssertFramesPass<TPort>(Rig<TPort> rig, string far)
        where TPort : Port
    {
        using FileDescriptor peer = _namespace.Run(() => PacketSockets.Open(new AfPacketOptions { Interface = far }, out _)[0]);
        rig.Guest.Frames.Clear();
        Assert.Equal(70, send(peer.Value, (byte[])[.. new byte[10], .. Broadcast()], 0));
        Until(() => rig.Guest.Frames.Any(f => f.AsSpan().SequenceEqual(Broadcast())), "a frame arrives");
        Assert.Equal(1, SentBySwitch(rig));
        Assert.True(rig.Port is TapPort || recv(peer.Value, new byte[100], MSG_DONTWAIT) > 60);
    }

    /// <summary>Gives whatever should not happen the chance to: one list of all more, and everybody looks.</summary>
    private void Settle()
    {
        _namespace.Run(() =>
        {
            _links.ListAnew();
            return 0;
        });
        Until(() => _links.IsComplete, "the interfaces are listed");
        Drain();
    }

    private void Drain() => _namespace.Run(() =>
    {
        _loop.Drain();
        return 0;
    });

    private void Until(Func<bool> condition, string what) => _namespace.Run(() =>
    {
        _loop.Until(condition, what);
        return 0;
    });

    private void Veth()
    {
        _namespace.Ip("link add v0 type veth peer name v1");
        _namespace.Ip("link set v0 up");
        _namespace.Ip("link set v1 up");
    }

    private static byte[] Broadcast() => [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, .. new byte[46]];

    private sealed record Rig<TPort>(TPort Port, CollectorPort Guest, SwitchNetwork Net, NetNamespace Namespace) : IDisposable
        where TPort : Port
    {
        private bool _disposed;

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                Namespace.Run(() =>
                {
                    Net.Detach(Port);
                    Port.Dispose();
                    Guest.Dispose();
                    (Net as IDisposable)?.Dispose();
                    return 0;
                });
            }
        }
    }
}
