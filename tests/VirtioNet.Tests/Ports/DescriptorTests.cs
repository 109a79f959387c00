using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Sockets;
using VhostNet.VirtioNet.Ports.Stream;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Lowers the process's limit of descriptors for a moment; nothing else runs meanwhile.</summary>
[CollectionDefinition(nameof(DescriptorTests), DisableParallelization = true)]
[Collection(nameof(DescriptorTests))]
public sealed class DescriptorTests : IDisposable
{
    private readonly TestLoop _loop = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("fds-").FullName;
    private readonly rlimit _before;

    public DescriptorTests() => Assert.Equal(0, getrlimit(RLIMIT_NOFILE, ref _before));

    public void Dispose()
    {
        Restore();
        _loop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void APeerThatGetsTheLastDescriptorDoesNotEndThePort()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true }, _loop.Context, clock: clock);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        _loop.Drain();

        // All that the way takes is loaded before the limit is low.
        Assert.Throws<ErrnoException>(() => new Errno(EMFILE).Throw("warm up"));
        using FileDescriptor first = SocketCalls.Open(AF_UNIX, SOCK_STREAM);
        using FileDescriptor second = SocketCalls.Open(AF_UNIX, SOCK_STREAM);
        Assert.Equal(0, SocketCalls.Connect(first, endpoint.EndPoint));
        _loop.Until(() => server.IsUp, "a connection stands");
        first.Dispose();
        _loop.Until(() => !server.IsUp, "and ends");
        clock.Advance(100_000_001);
        _loop.Drain();
        Assert.Equal(0, SocketCalls.Connect(second, endpoint.EndPoint));

        // The number that accept4 gets is the last one; epoll_create1 gets none.
        Limit(Lowest() + 1);
        DescriptorReserve.Configure(0);
        int connections = server.Connections;
        for (int turn = 0; turn < 10_000 && server.Connections == connections; turn++)
        {
            _loop.Context.Poll(false);
        }

        bool taken = server.Connections > connections;
        bool up = server.IsUp;
        Restore();
        Assert.Equal((true, false, 0), (taken, up, server.Faults));

        clock.Advance(200_000_001);
        using FileDescriptor third = SocketCalls.Open(AF_UNIX, SOCK_STREAM);
        Assert.Equal(0, SocketCalls.Connect(third, endpoint.EndPoint));
        _loop.Until(() => server.IsUp, "there are descriptors again");
    }

    [Fact]
    public void ConnectionsAndFlowsAreRefusedWhileTheReserveIsTouched()
    {
        SocketEndpoint endpoint = SocketEndpoint.OfPath(Path.Combine(_directory, "s"));
        using var server = new StreamPort("server", new StreamOptions { Endpoint = endpoint, Listen = true, RetryMin = TimeSpan.FromMilliseconds(1) }, _loop.Context);
        using CollectorPort to = CollectorPort.Join(server);
        using var user = new UserPort("user", new UserOptions { HostLoopback = true }, _loop.Context);
        using CollectorPort guest = CollectorPort.Join(user);
        server.Start();
        user.Start();
        _loop.Drain();
        using FileDescriptor client = SocketCalls.Open(AF_UNIX, SOCK_STREAM);

        // Half of the limit is the most that can be kept back: there are as many free numbers as taken ones.
        Limit(2 * Lowest());
        DescriptorReserve.Configure(int.MaxValue);
        Assert.Equal(0, SocketCalls.Connect(client, endpoint.EndPoint));
        _loop.Until(() => server.ReserveRefused > 0, "the connection is refused");
        Assert.False(server.IsUp);
        guest.Send([Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", "10.0.2.2", 17, Craft.Udp("10.0.2.15", "10.0.2.2", 1000, 9, [1])))]);
        _loop.Until(() => user.Use.ReserveRefused > 0, "the flow is refused");
        Assert.Equal(0, user.Use.Flows);
        PortException e = Assert.Throws<PortException>(() => new PcapFile(Path.Combine(_directory, "a.pcap")));
        Assert.Contains("descriptors.reserve", e.Message, StringComparison.Ordinal);

        Restore();
        using FileDescriptor later = SocketCalls.Open(AF_UNIX, SOCK_STREAM);
        Assert.Equal(0, SocketCalls.Connect(later, endpoint.EndPoint));
        _loop.Until(() => server.IsUp, "connections are taken again");
    }

    private static int Lowest()
    {
        int lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
        Assert.True(lowest >= 0);
        Assert.Equal(0, close(lowest));
        return lowest;
    }

    private void Limit(int descriptors) => Assert.Equal(0, setrlimit(RLIMIT_NOFILE, new rlimit { rlim_cur = (ulong)descriptors, rlim_max = _before.rlim_max }));

    private void Restore()
    {
        Assert.Equal(0, setrlimit(RLIMIT_NOFILE, _before));
        DescriptorReserve.Configure(DescriptorReserve.Default);
    }
}
