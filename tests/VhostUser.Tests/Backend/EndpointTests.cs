using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

public sealed class EndpointTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("vhostnet-test-").FullName;
    private readonly AioContext _context = new();
    private readonly RecordingLog _log = new();
    private readonly RecordingDevice _device = new();

    public EndpointTests() => _context.BindToCurrentThread();

    private string SocketPath => Path.Combine(_directory, "sock");

    public void Dispose()
    {
        Settle();
        _context.Dispose();
        Assert.True(OfferedFeatureStore.Flush(TimeSpan.FromSeconds(30)));
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void AServerServesOneFrontEndAfterTheOther()
    {
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath });
        for (int i = 0; i < 3; i++)
        {
            using RawFrontEnd front = Connect();
            Assert.NotEqual(0UL, front.Ask<ulong>(RequestCode.GET_FEATURES));
            Assert.Equal(Environment.ProcessId, server.CurrentSession!.PeerProcess);
            front.Dispose();
            Settle();
            Assert.Null(server.CurrentSession);
        }

        Assert.Equal(3, server.SessionCount);
    }

    [Fact]
    public void test_regression_a_front_end_that_connects_again_and_again_does_not_flood_the_log()
    {
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = AioClock.CreateVirtual(), ConnectionsPerSecond = 250 });
        for (int i = 0; i < 500; i++)
        {
            using RawFrontEnd front = Connect();
            front.SendBytes(new byte[MessageHeader.Size]);
            Assert.True(front.IsClosed());
        }

        Assert.Equal(500, server.SessionCount);
        Assert.Contains(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains("version 0", StringComparison.Ordinal));
        Assert.InRange(_log.Lines.Count(l => !l.StartsWith("Debug", StringComparison.Ordinal)), 1, LimitedSessionLog.Burst);
    }

    [Fact]
    public void test_regression_a_front_end_that_comes_and_goes_in_a_loop_has_to_wait()
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = clock, ConnectionsPerSecond = 10 });
        for (int i = 0; i < 20; i++)
        {
            using RawFrontEnd front = Connect();
            Settle();
        }

        using RawFrontEnd waiting = Connect();
        Settle();
        Assert.Equal(20, server.SessionCount);
        Assert.Equal(1, server.Quotas.ConnectionsDelayed);
        Assert.Equal(20, server.Quotas.SilentConnections);
        clock.Advance(99_999_999);
        Settle();
        Assert.Equal(20, server.SessionCount);
        clock.Advance(1);
        Assert.NotEqual(0UL, waiting.Ask<ulong>(RequestCode.GET_FEATURES));
        Assert.Equal(21, server.SessionCount);
    }

    [Fact]
    public void ASecondFrontEndIsTurnedAwayWithALine()
    {
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath });
        using RawFrontEnd first = Connect();
        first.Ask<ulong>(RequestCode.GET_FEATURES);
        using RawFrontEnd second = Connect();
        Assert.True(second.IsClosed());
        Assert.Contains(_log.Lines, l => l.Contains("turned away", StringComparison.Ordinal));
        first.Ask<ulong>(RequestCode.GET_FEATURES);
    }

    [Fact]
    public void AFrontEndThatReplacesADeadOneIsNotTurnedAway()
    {
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath });
        RawFrontEnd first = Connect();
        first.Ask<ulong>(RequestCode.GET_FEATURES);
        first.Dispose();
        using RawFrontEnd second = Connect();
        Assert.NotEqual(0UL, second.Ask<ulong>(RequestCode.GET_FEATURES));
    }

    [Fact]
    public void AStaleSocketIsReplacedAndALiveOneIsNot()
    {
        using (FileDescriptor stale = UnixSocket.Create())
        {
            Assert.Equal(0, UnixSocket.Bind(stale, SocketPath).Value);
        }

        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, SocketMode = 0x180 });
        Assert.Equal(0, statx(SocketPath, STATX_MODE, out statx_t facts));
        Assert.Equal(S_IRUSR | S_IWUSR, facts.stx_mode & ~S_IFMT);
        using var other = VhostUserEndpoint.Create(_context, _device, new VhostUserEndpointOptions { Path = SocketPath });
        IOException error = Assert.ThrowsAny<IOException>(other.Start);
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
        server.Dispose();
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void AFileInTheWayIsLeftAlone()
    {
        File.WriteAllText(SocketPath, "mine");
        using var server = VhostUserEndpoint.Create(_context, _device, new VhostUserEndpointOptions { Path = SocketPath });
        Assert.Throws<IOException>(server.Start);
        Assert.Equal("mine", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void AClientReconnectsWithGrowingPauses()
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint client = Start(new VhostUserEndpointOptions { Path = SocketPath, Mode = EndpointMode.Client, Clock = clock });
        Assert.Null(client.CurrentSession);
        clock.Advance(100_000_000);
        Settle();
        using UnixListener listener = UnixListener.Bind(SocketPath);
        clock.Advance(199_000_000);
        Settle();
        Assert.Null(client.CurrentSession);
        clock.Advance(1_000_000);
        Settle();
        Assert.NotNull(client.CurrentSession);

        using (var front = new RawFrontEnd(_context, listener.Accept()!))
        {
            front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(VirtioFeatures.VERSION_1));
        }

        Settle();
        Assert.Null(client.CurrentSession);
        clock.Advance(100_000_000);
        Settle();
        Assert.NotNull(client.CurrentSession);
    }

    [Fact]
    public void AnInheritedListenerAndAnInheritedConnectionAreBothServed()
    {
        UnixListener listener = UnixListener.Bind(SocketPath);
        using (VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Descriptor = listener.Socket.Duplicate() }))
        {
            using RawFrontEnd front = Connect();
            Assert.NotEqual(0UL, front.Ask<ulong>(RequestCode.GET_FEATURES));
        }

        Assert.True(File.Exists(SocketPath));
        listener.Dispose();
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out int ours, out int theirs));
        using VhostUserEndpoint connected = Start(new VhostUserEndpointOptions { Descriptor = new FileDescriptor(ours) });
        using var peer = new RawFrontEnd(_context, new FileDescriptor(theirs));
        Assert.NotEqual(0UL, peer.Ask<ulong>(RequestCode.GET_FEATURES));
    }

    [Fact]
    public void AGuestThatReconnectsMeetsTheFeaturesOfBefore()
    {
        string file = Path.Combine(_directory, "features");
        using (VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, OfferedFeatures = new OfferedFeatureStore(file) }))
        {
            using RawFrontEnd front = Connect();
            front.Ask<ulong>(RequestCode.GET_FEATURES);
            front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.IN_ORDER));
        }

        // Another version offers one feature more and one less.
        ulong before = _device.Features;
        _device.Features = (before | (1UL << 15)) & ~VirtioFeatures.IN_ORDER;
        using VhostUserEndpoint next = Start(new VhostUserEndpointOptions { Path = SocketPath, OfferedFeatures = new OfferedFeatureStore(file) });
        using RawFrontEnd again = Connect();
        Assert.Equal((before & ~VirtioFeatures.IN_ORDER) | VirtioFeatures.PROTOCOL_FEATURES, again.Ask<ulong>(RequestCode.GET_FEATURES));
        Assert.Contains(_log.Lines, l => l.Contains("no longer offers", StringComparison.Ordinal));
    }

    [Fact]
    public void ASessionIsHandedFromOneServerToTheNext()
    {
        using VhostUserEndpoint first = Start(new VhostUserEndpointOptions { Path = SocketPath });
        using RawFrontEnd front = Connect();
        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(VirtioFeatures.VERSION_1));
        using SessionSnapshot snapshot = first.CurrentSession!.Detach();
        Assert.Null(first.CurrentSession);
        first.Dispose();

        using var next = VhostUserEndpoint.Create(_context, _device, new VhostUserEndpointOptions { Path = SocketPath });
        next.Resume(snapshot);
        next.Start();
        Assert.NotEqual(0UL, front.Ask<ulong>(RequestCode.GET_FEATURES));
        Assert.Equal(VirtioFeatures.VERSION_1, next.CurrentSession!.Features);
        front.Dispose();
        Settle();
        using RawFrontEnd another = Connect();
        Assert.NotEqual(0UL, another.Ask<ulong>(RequestCode.GET_FEATURES));
    }

    private VhostUserEndpoint Start(VhostUserEndpointOptions options)
    {
        var endpoint = VhostUserEndpoint.Create(_context, _device, options with { Session = options.Session with { Log = _log } });
        endpoint.Start();
        return endpoint;
    }

    private RawFrontEnd Connect()
    {
        Assert.True(UnixConnector.TryConnect(SocketPath, out FileDescriptor socket, out Errno error), error.ToString());
        return new RawFrontEnd(_context, socket);
    }

    private void Settle()
    {
        while (_context.Poll(false))
        {
        }
    }
}
