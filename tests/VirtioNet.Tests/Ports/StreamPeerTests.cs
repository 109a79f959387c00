using System.Net;
using System.Net.Sockets;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Stream;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Peers of a stream port that vanish without a word, come back, or are too many.</summary>
public sealed class StreamPeerTests : IDisposable
{
    private const long RetryMinNs = 100_000_000;

    private readonly TestLoop _loop = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(1_000_000_000);
    private readonly List<Socket> _sockets = [];

    public void Dispose()
    {
        _sockets.ForEach(s => s.Dispose());
        _loop.Dispose();
    }

    [Fact]
    public void ANewerConnectionFromTheSameAddressTakesTheOldersPlace()
    {
        using StreamPort server = Listen(out IPEndPoint endpoint);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        Socket first = Connect(endpoint, "127.0.0.1");
        _loop.Until(() => server.IsUp, "a connection stands");
        Send(first, 1);
        _loop.Until(() => to.Frames.Count == 1, "a frame arrives");

        // The first has crashed, or lost its cable: nothing is heard of it any more.
        _clock.Advance(RetryMinNs);
        Socket second = Connect(endpoint, "127.0.0.1");
        _loop.Until(() => server.Successions == 1, "the newer one is taken");
        Send(second, 2);
        _loop.Until(() => to.Frames.Count == 2, "its frame arrives");
        Assert.Equal(2, to.Frames[1][14]);
        Assert.True(server.IsUp);
        Assert.Equal(0, first.Receive(new byte[1]));

        // What is sent goes to the newer one.
        to.Send([Frame(3)]);
        _loop.Drain();
        byte[] got = new byte[64];
        Assert.Equal(64, second.Receive(got));
        Assert.Equal(3, got[18]);
    }

    [Fact]
    public void ConnectionsThatFightForThePortAreSlowed()
    {
        using StreamPort server = Listen(out IPEndPoint endpoint);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        Connect(endpoint, "127.0.0.1");
        _loop.Until(() => server.IsUp, "a connection stands");
        for (int round = 0; round < 5; round++)
        {
            // Within the pause the newest one waits, whichever that is.
            Connect(endpoint, "127.0.0.1");
            Socket newest = Connect(endpoint, "127.0.0.1");
            _clock.Advance((RetryMinNs << round) - 1);
            _loop.Drain();
            Assert.Equal(round, server.Successions);
            _clock.Advance(1);
            _loop.Until(() => server.Successions == round + 1, "the newest one is taken");
            Send(newest, round);
            _loop.Until(() => to.Frames.Count == round + 1, "its frame arrives");
        }
    }

    [Fact]
    public void AConnectionFromElsewhereWaitsForItsTurn()
    {
        using StreamPort server = Listen(out IPEndPoint endpoint);
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        Socket first = Connect(endpoint, "127.0.0.1");
        _loop.Until(() => server.IsUp, "a connection stands");
        Socket[] others = [.. Enumerable.Range(2, 6).Select(n => Connect(endpoint, $"127.0.0.{n}"))];
        _clock.Advance(60_000_000_000);
        _loop.Until(() => others[^1].Poll(0, SelectMode.SelectRead) || Advance(), "those too many are closed");
        Send(others[0], 2);
        Send(first, 1);
        _loop.Until(() => to.Frames.Count == 1, "the first one's frame arrives");
        Assert.Equal(1, to.Frames[0][14]);
        first.Dispose();
        _loop.Until(() => to.Frames.Count == 2, "the next one's frame arrives");
        Assert.Equal(2, to.Frames[1][14]);
        Assert.Equal(0, server.Successions);
        Assert.Equal(4, others.Count(o => !o.Poll(0, SelectMode.SelectRead)));
    }

    /// <summary>A cable is pulled between two namespaces: neither FIN nor RST ever comes. With nothing to send only questions find it out, otherwise what is not acknowledged.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void APeerThatVanishedIsFoundDead(bool sends)
    {
        using var here = new NetNamespace();
        using var there = new NetNamespace();
        here.Ip("link add v0 type veth peer name v1");
        here.Ip($"link set v1 netns {there.Run(gettid)}");
        here.Ip("addr add 10.77.0.1/24 dev v0");
        here.Ip("link set v0 up");
        there.Ip("addr add 10.77.0.2/24 dev v1");
        there.Ip("link set v1 up");
        var options = new StreamOptions
        {
            Endpoint = SocketEndpoint.Parse("10.77.0.1:7000"),
            Listen = true,
            KeepAlive = TimeSpan.FromSeconds(sends ? 0 : 1),
            UserTimeout = TimeSpan.FromSeconds(1),
        };
        using StreamPort server = here.Run(() => new StreamPort("server", options, _loop.Context));
        using CollectorPort to = CollectorPort.Join(server);
        server.Start();
        _loop.Drain();
        using Socket client = there.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(IPEndPoint.Parse("10.77.0.1:7000"));
            return socket;
        });
        _loop.Until(() => server.IsUp, "a connection stands");
        there.Ip("link set v1 down");
        if (sends)
        {
            to.Send([Frame(1)]);
        }

        _loop.Until(() => !server.IsUp, "the connection is found dead");
        Assert.Contains("ended", server.DownReason, StringComparison.Ordinal);
    }

    private static byte[] Frame(int number) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, (byte)number, .. new byte[45]];

    private static void Send(Socket socket, int number) => socket.Send([0, 0, 0, 60, .. Frame(number)]);

    private bool Advance()
    {
        _clock.Advance(RetryMinNs);
        return false;
    }

    private StreamPort Listen(out IPEndPoint endpoint)
    {
        for (int port = 20000 + (Environment.ProcessId % 20000); ; port++)
        {
            try
            {
                endpoint = new IPEndPoint(IPAddress.Any, port);
                var server = new StreamPort("server", new StreamOptions { Endpoint = SocketEndpoint.Of(endpoint), Listen = true }, _loop.Context, clock: _clock);
                endpoint = new IPEndPoint(IPAddress.Loopback, port);
                return server;
            }
            catch (PortException e) when (e.Message.Contains("in use", StringComparison.Ordinal))
            {
                // Another test, or program, has it.
            }
        }
    }

    private Socket Connect(IPEndPoint to, string from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 10000 };
        _sockets.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        socket.Connect(to);
        _loop.Drain();
        return socket;
    }
}
