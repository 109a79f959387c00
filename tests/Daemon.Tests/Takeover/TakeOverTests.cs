using System.Net;
using System.Text.Json;
using VhostNet.Daemon.Tests.Process;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>A running daemon is replaced by another process: no front end sees a disconnect, and no frame is lost, doubled or out of order.</summary>
public sealed class TakeOverTests
{
    private const string Wire = """{"name": "net", "kind": "wire"}""";

    /// <summary>Both directions of a wire, as fast as the guests go; a wire holds its senders back, so that nothing may be missing.</summary>
    [Fact]
    public async Task TenInARowUnderFullTrafficLoseNothing()
    {
        await using var rig = new TakeOverRig();
        rig.Configure(Wire, $"{rig.Port("a", "net")}, {rig.Port("b", "net")}");
        await rig.StartAsync();
        using LiveGuest a = rig.Guest("a", 1), b = rig.Guest("b", 2);
        using var stop = new CancellationTokenSource();
        Task<int>[] senders = [Flood(a, 2, stop.Token), Flood(b, 1, stop.Token)];
        Task[] receivers = [Drain(b, 1, senders[0]), Drain(a, 2, senders[1])];
        try
        {
            for (int i = 0; i < 10 && !receivers.Any(r => r.IsCompleted); i++)
            {
                await rig.TakeOverAsync();
            }
        }
        finally
        {
            await stop.CancelAsync();
        }

        await Task.WhenAll(receivers).WaitAsync(TakeOverRig.Limit);
        Assert.All(senders, s => Assert.True(s.Result > 10_000, $"only {s.Result} frames were sent meanwhile"));
        Assert.False(a.IsHungUp());
        Assert.False(b.IsHungUp());
    }

    [Fact]
    public async Task ASwitchKeepsItsAddressesCountersAndUnsavedChanges()
    {
        await using var rig = new TakeOverRig();
        string ports = $"{rig.Port("a", "sw")}, {rig.Port("b", "sw")}, {rig.Port("c", "sw")}";
        rig.Configure("""{"name": "sw", "kind": "switch"}""", ports);
        await rig.StartAsync();
        using LiveGuest a = rig.Guest("a", 1), b = rig.Guest("b", 2), c = rig.Guest("c", 3);
        b.Send(1, 0, 1);
        a.Receive(2, 0, 1);
        c.Receive(2, 0, 1);
        a.Send(2, 0, 10);
        b.Receive(1, 0, 10);
        using (ControlClient client = rig.Client())
        {
            (HttpStatusCode status, string answer) = await client.SendAsync(HttpMethod.Patch, "/ports/c", """{"limits": {"in": {"framesPerSecond": 7}}}""");
            Assert.True(status == HttpStatusCode.OK, answer);
            (status, answer) = await client.SendAsync(HttpMethod.Put, "/ports/sink", """{"kind": "null", "network": "sw"}""");
            Assert.True(status == HttpStatusCode.Created, answer);
        }

        (long frames, long chains) before = await CountersAsync(rig);
        await rig.TakeOverAsync();

        // Known addresses are not flooded: the third guest hears nothing of these.
        a.Send(2, 10, 10);
        b.Receive(1, 10, 10);
        Assert.Null(c.Next(TimeSpan.FromMilliseconds(100)));
        (long frames, long chains) after = await CountersAsync(rig);
        Assert.Equal(before.frames + 10, after.frames);
        Assert.Equal(before.chains + 10, after.chains);
        using (ControlClient client = rig.Client())
        {
            JsonElement status = await client.JsonAsync("/status");
            Assert.Equal(["ports.c", "ports.sink"], status.GetProperty("unsaved").EnumerateArray().Select(u => u.GetString()).Order());
            Assert.Equal(7, (await client.JsonAsync("/ports/c")).GetProperty("limits").GetProperty("in").GetProperty("framesPerSecond").GetInt64());
            Assert.Equal("null", (await client.JsonAsync("/ports/sink")).GetProperty("kind").GetString());
        }
    }

    /// <summary>What the new process's file says of ports is carried out once it has taken over; the names of sockets go with the last process.</summary>
    [Fact]
    public async Task AChangedFileIsCarriedOutAfterwards()
    {
        await using var rig = new TakeOverRig();
        rig.Configure("""{"name": "sw", "kind": "switch"}""", $"{rig.Port("a", "sw")}, {rig.Port("b", "sw")}");
        await rig.StartAsync();
        using LiveGuest a = rig.Guest("a", 1);
        using (LiveGuest b = rig.Guest("b", 2))
        {
            rig.Configure("""{"name": "sw", "kind": "switch"}""", $"{rig.Port("a", "sw")}, {rig.Port("d", "sw")}");
            ChildProcess next = await rig.TakeOverAsync();
            await next.Output.WaitForAsync("Port b is removed", TakeOverRig.Limit);
            await next.Output.WaitForAsync("Port d \\(vhost-user\\)", TakeOverRig.Limit);
            Assert.True(b.IsHungUp());
        }

        using LiveGuest d = rig.Guest("d", 4);
        a.Send(4, 0, 5);
        d.Receive(1, 0, 5);
        Assert.False(File.Exists(rig.File("b.sock")));
        Assert.Equal(0, await rig.Present.TerminateAsync());
        Assert.False(File.Exists(rig.File("a.sock")));
        Assert.False(File.Exists(rig.Control));
    }

    [Fact]
    public async Task AFrontEndThatComesLaterMeetsTheNewProcess()
    {
        await using var rig = new TakeOverRig();
        rig.Configure(Wire, $"{rig.Port("a", "net")}, {rig.Port("b", "net")}");
        await rig.StartAsync();
        using LiveGuest a = rig.Guest("a", 1);
        await rig.TakeOverAsync();
        await rig.TakeOverAsync();
        using LiveGuest b = rig.Guest("b", 2);
        a.Send(2, 0, 20);
        b.Receive(1, 0, 20);
        b.Send(1, 0, 20);
        a.Receive(2, 0, 20);
    }

    private static Task<int> Flood(LiveGuest guest, byte to, CancellationToken stop) => Task.Factory.StartNew(
        () =>
        {
            int sent = 0;
            while (!stop.IsCancellationRequested)
            {
                guest.Send(to, sent, 64);
                sent += 64;
            }

            return sent;
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task Drain(LiveGuest guest, byte from, Task<int> sender) => Task.Factory.StartNew(
        () =>
        {
            int received = 0;
            while (true)
            {
                // What the sender knows before a frame fails to come was sent before.
                bool isAll = sender.IsCompleted;
                if (isAll && received == sender.Result)
                {
                    return;
                }

                if (guest.Next(TimeSpan.FromMilliseconds(500)) is { } frame)
                {
                    Assert.Equal((from, received), frame);
                    received++;
                }
                else if (isAll)
                {
                    Assert.Fail($"{received} of {sender.Result} frames came");
                }
            }
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static async Task<(long Frames, long Chains)> CountersAsync(TakeOverRig rig)
    {
        using ControlClient client = rig.Client();
        (_, string text) = await client.GetAsync("/metrics");
        long Value(string start) => (long)double.Parse(
            text.Split('\n').Single(l => l.StartsWith(start, StringComparison.Ordinal)).Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
        return (
            Value("vhostnet_port_frames_total{port=\"a\",kind=\"vhost-user\",direction=\"in\"}"),
            Value("vhostnet_queue_chains_total{port=\"b\",queue=\"0\",direction=\"rx\"}"));
    }
}
