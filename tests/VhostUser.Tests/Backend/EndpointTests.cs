using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
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
    public void ASecondFrontEndIsHeldTurnedAwayAndToldWhatToDo()
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = clock });
        using RawFrontEnd first = Connect();
        first.Ask<ulong>(RequestCode.GET_FEATURES);
        using RawFrontEnd second = Connect();
        second.Send(RequestCode.GET_FEATURES);
        Settle();
        clock.Advance(GrowingPause.MinNs - 1);
        Settle();
        Assert.False(HasHungUp(second));
        clock.Advance(1);
        Settle();
        Assert.True(HasHungUp(second));
        string line = Assert.Single(_log.Lines, l => l.Contains("turned away", StringComparison.Ordinal));
        Assert.StartsWith("Warning", line, StringComparison.Ordinal);
        Assert.EndsWith("a socket serves one at a time; end one of the two, or give each a port and a socket of its own", line, StringComparison.Ordinal);
        first.Ask<ulong>(RequestCode.GET_FEATURES);
    }

    [Fact]
    public void TwentySecondFrontEndsInASecondAreOneLineAMinuteAndAreSlowed()
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = clock });
        RawFrontEnd first = Connect();
        first.Ask<ulong>(RequestCode.GET_FEATURES);
        var rivals = new Queue<RawFrontEnd>();
        for (int i = 0; i < 20 * 120; i++)
        {
            // The kernel's queue is full most of the time; QEMU comes again.
            if (UnixConnector.TryConnect(SocketPath, out FileDescriptor socket, out _))
            {
                rivals.Enqueue(new RawFrontEnd(_context, socket));
            }

            clock.Advance(50_000_000);
            Settle();
            Assert.True(i >= 1198 || _log.Lines.Count(l => l.Contains("turned away", StringComparison.Ordinal)) == 1, $"after {i + 1} connections");
        }

        Assert.Equal(2, _log.Lines.Count(l => l.Contains("turned away", StringComparison.Ordinal)));

        Assert.Matches("\\([1-9][0-9]* times more since this was said last\\)$", _log.Lines.Last(l => l.Contains("turned away", StringComparison.Ordinal)));

        // Four are held for up to ten seconds each.
        Assert.InRange(server.Quotas.SecondFrontEnds, 20, 4 * 12 + 20);
        first.Ask<ulong>(RequestCode.GET_FEATURES);

        // Everybody is let go when the place is free, and the next one gets it at once.
        first.Dispose();
        Settle();
        while (rivals.TryDequeue(out RawFrontEnd? rival))
        {
            rival.Dispose();
            Settle();
        }

        using RawFrontEnd next = Connect();
        Assert.NotEqual(0UL, next.Ask<ulong>(RequestCode.GET_FEATURES));
    }

    /// <summary>What QEMU does whose netdev has more queues than there are; it does not say how many.</summary>
    [Fact]
    public void AFrontEndThatWantsMoreQueuesIsToldOnceAMinuteAndSlowed()
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = clock });
        AskForQueuesAndLeave();
        string line = Assert.Single(_log.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal));
        Assert.Contains($": {_device.QueueNumAnswer} queue pairs offered, and the front end, process {Environment.ProcessId}, left as soon as it was told", line, StringComparison.Ordinal);
        Assert.Contains("raise --queue-pairs", line, StringComparison.Ordinal);

        // It comes back at once, and has to wait for longer each time.
        for (int i = 0; i < 6; i++)
        {
            using RawFrontEnd again = Connect();
            Settle();
            Assert.Null(server.CurrentSession);
            clock.Advance(Math.Min(GrowingPause.MinNs << i, GrowingPause.MaxNs) - 1);
            Settle();
            Assert.Null(server.CurrentSession);
            clock.Advance(1);
            AskForQueues(again);
            again.Dispose();
            Settle();
        }

        Assert.Single(_log.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal));
        Assert.Equal(7, server.SessionCount);
    }

    /// <summary>A guest that is switched off before its driver was there, and a front end that only looks, leave too; nothing is wrong with their queues.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFrontEndThatLeavesForAnotherReasonIsToldNothing(bool later)
    {
        var clock = AioClock.CreateVirtual();
        using VhostUserEndpoint server = Start(new VhostUserEndpointOptions { Path = SocketPath, Clock = clock });
        using (RawFrontEnd front = Connect())
        {
            front.Ask<ulong>(RequestCode.GET_FEATURES);
            if (later)
            {
                AskForQueues(front);
                clock.Advance(2_000_000_000);
            }
        }

        Settle();
        Assert.DoesNotContain(_log.Lines, l => l.Contains("queue pairs offered", StringComparison.Ordinal));
        using RawFrontEnd next = Connect();
        Assert.NotEqual(0UL, next.Ask<ulong>(RequestCode.GET_FEATURES));
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

    private static bool HasHungUp(RawFrontEnd front) => UnixSocket.HasHungUp(front.Socket);

    private static void AskForQueues(RawFrontEnd front)
    {
        front.Ask<ulong>(RequestCode.GET_FEATURES);
        ulong offered = front.Ask<ulong>(RequestCode.GET_PROTOCOL_FEATURES);
        front.Tell(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(offered & ProtocolFeatures.MQ));
        front.Ask<ulong>(RequestCode.GET_QUEUE_NUM);
    }

    private void AskForQueuesAndLeave()
    {
        using RawFrontEnd front = Connect();
        AskForQueues(front);
        front.Dispose();
        Settle();
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
