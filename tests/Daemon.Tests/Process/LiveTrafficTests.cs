using System.Net;
using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>Changes while frames flow: who is not meant notices nothing.</summary>
public sealed class LiveTrafficTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private readonly TestDirectory _directory = new();

    private string Control => _directory.File("control.sock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task OthersLoseNothingWhateverIsChanged()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2);
        using var stop = new CancellationTokenSource();
        int rounds = 0;
        Task traffic = Task.Factory.StartNew(
            () =>
            {
                for (; !stop.IsCancellationRequested; Interlocked.Increment(ref rounds))
                {
                    // Never more than a guest has buffers for, so that not one may be missing.
                    a.Send(2, rounds * 32, 32);
                    b.Receive(1, rounds * 32, 32);
                    b.Send(1, rounds * 32, 32);
                    a.Receive(2, rounds * 32, 32);
                }
            },
            TaskCreationOptions.LongRunning);
        try
        {
            for (int i = 0; i < 12 && !traffic.IsCompleted; i++)
            {
                await ChangeEverythingAsync(client, i);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await traffic.WaitAsync(s_timeout);
        }

        Assert.True(rounds > 12, $"only {rounds} rounds of traffic went on meanwhile");
    }

    [Fact]
    public async Task AGuestsPortIsTakenAwayAndGivenBack()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1);
        using (LiveGuest c = Guest("c", 3))
        {
            a.Send(3, 0, 10);
            c.Receive(1, 0, 10);
            await ChangeAsync(client, HttpMethod.Delete, "/ports/c", null, HttpStatusCode.NoContent);
            Assert.True(c.IsHungUp());
            Assert.False(File.Exists(_directory.File("c.sock")));
        }

        a.Send(3, 10, 10);
        await ChangeAsync(client, HttpMethod.Put, "/ports/c", Port("c"), HttpStatusCode.Created);
        using LiveGuest again = Guest("c", 3);
        a.Send(3, 20, 10);
        again.Receive(1, 20, 10);
    }

    [Fact]
    public async Task AVlanDividesAndJoinsGuests()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2);
        a.Send(2, 0, 5);
        b.Receive(1, 0, 5);
        await ChangeAsync(client, HttpMethod.Patch, "/ports/b", """{"switch": {"mode": "access", "vlan": 20}}""");
        a.Send(2, 5, 5);
        await ChangeAsync(client, HttpMethod.Patch, "/ports/b", """{"switch": null}""");
        a.Send(2, 10, 5);
        b.Receive(1, 10, 5);
    }

    [Fact]
    public async Task ASenderThatALimitHoldsBackGoesOnWhenItIsLifted()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2);
        await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"limits": {"in": {"bytesPerSecond": 1, "burstBytes": 1}}}""");
        a.Send(2, 0, 64, wait: false);
        a.WaitUntilSent(1);
        b.Receive(1, 0, 1);

        // The next one would come after a minute, the last one after an hour.
        await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"limits": null}""");
        a.WaitUntilSent(63);
        b.Receive(1, 1, 63);
    }

    [Fact]
    public async Task AMirrorIsSetAndTakenAway()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2), c = Guest("c", 3);
        b.Send(1, 0, 1);
        a.Receive(2, 0, 1);
        c.Receive(2, 0, 1);
        a.Send(2, 0, 1);
        b.Receive(1, 0, 1);
        await ChangeAsync(client, HttpMethod.Patch, "/networks/sw", """{"mirror": {"port": "c", "from": ["a"], "to": []}}""");
        a.Send(2, 1, 5);
        b.Receive(1, 1, 5);
        c.Receive(1, 1, 5);
        await ChangeAsync(client, HttpMethod.Patch, "/networks/sw", """{"mirror": null}""");
        a.Send(2, 6, 5);
        b.Receive(1, 6, 5);
        a.Send(3, 100, 1);
        c.Receive(1, 100, 1);
    }

    /// <summary>A network that can't take the port as it is to be leaves it where it was, and at work.</summary>
    [Fact]
    public async Task APortThatItsNewNetworkRefusesStaysInItsOldOne()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2);
        a.Send(2, 0, 5);
        b.Receive(1, 0, 5);
        await ChangeAsync(client, HttpMethod.Put, "/networks/small", """{"kind": "switch", "macTableCapacity": 2}""", HttpStatusCode.Created);
        string macs = string.Join(", ", Enumerable.Range(1, 99).Select(i => $"\"02:00:00:00:01:{i:x2}\""));
        await ChangeAsync(client, HttpMethod.Patch, "/ports/b", $$"""{"network": "small", "switch": {"staticMacs": [{{macs}}]} }""", HttpStatusCode.Conflict);
        a.Send(2, 5, 5);
        b.Receive(1, 5, 5);
        b.Send(1, 0, 5);
        a.Receive(2, 0, 5);
        Assert.Equal("sw", (await client.JsonAsync("/ports/b")).GetProperty("network").GetString());
    }

    /// <summary>A change of something else gives a sender no new burst: its limit keeps the tokens that it has.</summary>
    [Fact]
    public async Task ALimitKeepsItsTokensWhenSomethingElseChanges()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        using LiveGuest a = Guest("a", 1), b = Guest("b", 2);
        await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"limits": {"in": {"framesPerSecond": 1, "burstFrames": 10}}}""");
        a.Send(2, 0, 10);
        b.Receive(1, 0, 10);
        await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"switch": {"macLimit": 77}}""");
        a.Send(2, 10, 10, wait: false);
        int passed = 0;
        while (b.Next(TimeSpan.FromMilliseconds(300)) is not null)
        {
            passed++;
        }

        // One a second may pass, and a busy machine may take its time; a new burst would be all ten.
        Assert.InRange(passed, 0, 5);
    }

    private async Task ChangeEverythingAsync(ControlClient client, int round)
    {
        using (LiveGuest c = Guest("c", 3))
        {
            // To itself: the switch learns it, and nobody else hears of it.
            c.Send(3, 0, 1);
            await ChangeAsync(client, HttpMethod.Patch, "/ports/c", """{"switch": {"mode": "access", "vlan": 30, "isolated": true, "pinnedMacs": ["02:00:00:00:00:03"]}}""");
            await ChangeAsync(client, HttpMethod.Patch, "/ports/c", """{"limits": {"in": {"framesPerSecond": 100}, "out": {"bytesPerSecond": 1000}}}""");
            await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"limits": {"in": {"framesPerSecond": 100000000}}}""");
            await ChangeAsync(client, HttpMethod.Put, "/ports/eye", """{"kind": "null", "network": "sw"}""", HttpStatusCode.Created);
            await ChangeAsync(client, HttpMethod.Patch, "/networks/sw", """{"mirror": {"port": "eye"}}""");
            await ChangeAsync(client, HttpMethod.Patch, $"/threads/io{round % 2}", $$"""{"poll": "{{(round % 3) switch { 0 => "busy", 1 => "interrupt", _ => "adaptive" }}}"}""");
            await ChangeAsync(client, HttpMethod.Patch, "/networks/sw", """{"mirror": null}""");
            await ChangeAsync(client, HttpMethod.Delete, "/ports/eye", null, HttpStatusCode.NoContent);
            await ChangeAsync(client, HttpMethod.Patch, "/ports/a", """{"limits": null}""");
            await ChangeAsync(client, HttpMethod.Patch, "/ports/c", """{"network": null, "switch": null}""");
            await ChangeAsync(client, HttpMethod.Delete, "/ports/c", null, HttpStatusCode.NoContent);
        }

        await ChangeAsync(client, HttpMethod.Put, "/ports/c", Port("c"), HttpStatusCode.Created);
    }

    private static async Task ChangeAsync(ControlClient client, HttpMethod method, string path, string? body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        (HttpStatusCode status, string answer) = await client.SendAsync(method, path, body);
        Assert.True(status == expected, $"{method} {path}: {(int)status} {answer}");
    }

    private LiveGuest Guest(string name, byte station) => new(_directory.File($"{name}.sock"), station);

    private string Port(string name) =>
        JsonSerializer.Serialize(new { kind = "vhost-user", network = "sw", threads = new[] { name == "b" ? "io1" : "io0" }, socket = new { path = _directory.File($"{name}.sock") } });

    private async Task<VhostnetdProcess> StartAsync()
    {
        string file = _directory.File("config.json");
        string ports = string.Join(", ", new[] { "a", "b", "c" }.Select(n => $$"""{"name": "{{n}}", {{Port(n)[1..]}}"""));
        await File.WriteAllTextAsync(file, $$"""
            {
              "threads": [{"name": "io0", "poll": "adaptive"}, {"name": "io1", "poll": "interrupt"}],
              "networks": [{"name": "sw", "kind": "switch"}],
              "ports": [{{ports}}],
              "control": {"path": "{{Control}}"}
            }
            """);
        return await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
    }
}
