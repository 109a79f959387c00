using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Tests.Process;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>Take-overs that come to nothing: the old process goes on as if nothing had been, and says what failed.</summary>
public sealed class TakeOverFailureTests : IAsyncLifetime
{
    private const string Gone = "(ended or closed the connection|the connection with the other process failed)";

    private readonly TakeOverRig _rig = new();
    private int _sent;

    public async ValueTask InitializeAsync()
    {
        _rig.Configure("""{"name": "sw", "kind": "switch"}""", $"{_rig.Port("a", "sw")}, {_rig.Port("b", "sw")}, {_rig.Port("c", "sw")}");
        await _rig.StartAsync();
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    public enum End
    {
        GoneAfterHello,
        GoneAfterState,
        GoneWhenTheOldOneStandsStill,
        SilentWhenTheOldOneStandsStill,
        SaysThatItFailed,
        GoneAfterItBegan,
        Nonsense,
        SomethingElse,
    }

    [Theory]
    [InlineData(End.GoneAfterHello, Gone)]
    [InlineData(End.GoneAfterState, Gone)]
    [InlineData(End.GoneWhenTheOldOneStandsStill, Gone)]
    [InlineData(End.SilentWhenTheOldOneStandsStill, "did not answer in time")]
    [InlineData(End.SaysThatItFailed, "no more room in the inn")]
    [InlineData(End.GoneAfterItBegan, Gone)]
    [InlineData(End.Nonsense, "no message of a take-over")]
    [InlineData(End.SomethingElse, "Started came where Ready is expected")]
    public async Task TheOldProcessGoesOn(End end, string reason)
    {
        using LiveGuest a = _rig.Guest("a", 1), b = _rig.Guest("b", 2), c = _rig.Guest("c", 3);
        b.Send(1, 0, 1);
        a.Receive(2, 0, 1);
        c.Receive(2, 0, 1);
        Exchange(a, b);
        Fail(end);
        await _rig.Present.Output.WaitForAsync($"came to nothing: .*{reason}.*; this process goes on", TakeOverRig.Limit);
        Exchange(a, b);

        // The switch knows still where everybody is.
        Assert.Null(c.Next(TimeSpan.FromMilliseconds(100)));
        Assert.False(a.IsHungUp());
        Assert.False(b.IsHungUp());

        // And the next one may.
        await _rig.TakeOverAsync();
        Exchange(a, b);
    }

    [Fact]
    public async Task AnotherOneAtTheSameTimeIsRefused()
    {
        using LiveGuest a = _rig.Guest("a", 1), b = _rig.Guest("b", 2);
        Exchange(a, b);
        using (var first = new FakeSuccessor(_rig.Control))
        {
            first.Hello();
            first.Receive(HandoverKind.State).Dispose();
            (int status, string said) = await _rig.TryTakeOverAsync();
            Assert.Equal(3, status);
            Assert.Contains("--take-over " + _rig.Control + ": another process takes over already", said, StringComparison.Ordinal);
            Exchange(a, b);
        }

        await _rig.Present.Output.WaitForAsync("came to nothing", TakeOverRig.Limit);
        await _rig.TakeOverAsync();
        Exchange(a, b);
    }

    [Fact]
    public void AVersionThatReadsNothingThatIsWrittenHereIsRefused()
    {
        using var successor = new FakeSuccessor(_rig.Control);
        successor.Hello(oldest: 7, newest: 9);
        HandoverException refusal = Assert.Throws<HandoverException>(() => successor.Receive(HandoverKind.State));
        Assert.Contains("reads states of the forms 7 to 9", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AConfigurationWithAMistakeIsRefusedBeforeTheOldProcessHearsOfIt()
    {
        File.WriteAllText(_rig.File("wrong.json"), "{\"ports\": [{}]}");
        (int status, string said) = await _rig.TryTakeOverAsync(configuration: _rig.File("wrong.json"));
        Assert.Equal(2, status);
        Assert.Contains("ports[0].name: is missing", said, StringComparison.Ordinal);
        Assert.DoesNotContain("take", _rig.Present.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThreadsThatAPortNeedsHaveToBeInTheNewConfiguration()
    {
        File.WriteAllText(_rig.File("t.json"), File.ReadAllText(_rig.Configuration));
        _rig.Configure(
            """{"name": "sw", "kind": "switch"}""", $"{_rig.Port("a", "sw")}, {_rig.Port("b", "sw")}, {_rig.Port("c", "sw")}", """, "threads": [{"name": "x"}]""");
        await _rig.TakeOverAsync();
        using (ControlClient client = _rig.Client())
        {
            (System.Net.HttpStatusCode code, string body) = await client.SendAsync(HttpMethod.Put, "/ports/d", """{"kind": "null", "network": "sw", "threads": ["x"]}""");
            Assert.True(code == System.Net.HttpStatusCode.Created, body);
        }

        (int status, string said) = await _rig.TryTakeOverAsync(configuration: _rig.File("t.json"));
        Assert.Equal(2, status);
        Assert.Contains("it does not fit what runs and would be taken over: ports.d.threads: there is no thread \"x\"", said, StringComparison.Ordinal);
        await _rig.Present.Output.WaitForAsync("came to nothing: .*does not fit what runs", TakeOverRig.Limit);
    }

    private void Exchange(LiveGuest a, LiveGuest b)
    {
        a.Send(2, _sent, 20);
        b.Receive(1, _sent, 20);
        b.Send(1, _sent, 20);
        a.Receive(2, _sent, 20);
        _sent += 20;
    }

    private void Fail(End end)
    {
        using var successor = new FakeSuccessor(_rig.Control);
        switch (end)
        {
            case End.GoneAfterHello:
                successor.Hello();
                break;
            case End.GoneAfterState:
                successor.Hello();
                successor.Receive(HandoverKind.State).Dispose();
                break;
            case End.GoneWhenTheOldOneStandsStill:
                successor.UntilFinal().Dispose();
                break;
            case End.SilentWhenTheOldOneStandsStill:
                using (HandoverMessage final = successor.UntilFinal())
                {
                    // Until it has given up waiting; from then on this end may not begin.
                    Assert.Throws<HandoverException>(() => successor.Receive(HandoverKind.Over));
                    using var baton = Baton.Open(final.Descriptors.Duplicate(HandoverState.FromBytes(final.Payload).Baton));
                    Assert.False(baton.TryTake());
                }

                break;
            case End.SaysThatItFailed:
                successor.UntilFinal().Dispose();
                successor.Channel.TrySendFailure("no more room in the inn");
                break;
            case End.GoneAfterItBegan:
                using (HandoverMessage final = successor.UntilFinal())
                {
                    using var baton = Baton.Open(final.Descriptors.Duplicate(HandoverState.FromBytes(final.Payload).Baton));
                    Assert.True(baton.TryTake());
                }

                break;
            case End.Nonsense:
                SocketMessages.Send(successor.Channel.Socket, "GET / HTTP/1.1\r\n\r\n"u8, []);
                break;
            default:
                successor.Hello();
                successor.Receive(HandoverKind.State).Dispose();
                successor.Channel.Send(HandoverKind.Started, string.Empty, TakeOverRig.Limit);
                break;
        }
    }
}
