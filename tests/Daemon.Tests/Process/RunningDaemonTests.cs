using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using VhostNet.Daemon.Tests.Metrics;
using VhostNet.Daemon.Tests.Systemd;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>A daemon that runs: its sockets, its control API, its end.</summary>
public sealed class RunningDaemonTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);
    private readonly TestDirectory _directory = new();

    private string Socket => _directory.File("guest.sock");

    private string Control => _directory.File("control.sock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task TheStatusShowsThreadsNetworksAndPorts()
    {
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "responder", "--queue-pairs", "2", "--poll", "interrupt");
        using var client = new ControlClient(Control);
        JsonElement status = await client.JsonAsync("/status");

        Assert.Equal(daemon.Process.Id, status.GetProperty("pid").GetInt32());
        Assert.True(status.GetProperty("healthy").GetBoolean());
        JsonElement thread = Assert.Single(status.GetProperty("threads").EnumerateArray());
        Assert.Equal(("io0", "interrupt"), (thread.GetProperty("name").GetString(), thread.GetProperty("poll").GetString()));
        JsonElement network = Assert.Single(status.GetProperty("networks").EnumerateArray());
        Assert.Equal(["guest", "uplink"], network.GetProperty("ports").EnumerateArray().Select(p => p.GetString()).Order());
        JsonElement guest = await client.JsonAsync("/ports/guest");
        Assert.Equal(Socket, guest.GetProperty("socket").GetProperty("path").GetString());
        Assert.Equal(JsonValueKind.Null, guest.GetProperty("session").ValueKind);
        Assert.Equal(4, guest.GetProperty("rings").GetArrayLength());
        Assert.False(guest.GetProperty("up").GetBoolean());
    }

    [Theory]
    [InlineData("GET", "/ports/gust", HttpStatusCode.NotFound, "there is no port \\\"gust\\\"; did you mean \\\"guest\\\"?")]
    [InlineData("GET", "/xyzzy", HttpStatusCode.NotFound, "there is no such resource")]
    [InlineData("POST", "/status", HttpStatusCode.MethodNotAllowed, "/status takes GET, not POST")]
    [InlineData("POST", "/debug/stall/io0", HttpStatusCode.NotFound, "there is no such resource")]
    public async Task AWrongRequestIsAnsweredWithWhatIsRight(string method, string path, HttpStatusCode expected, string text)
    {
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null");
        using var client = new ControlClient(Control);
        (HttpStatusCode status, string body) = await client.SendAsync(new HttpMethod(method), path);
        Assert.Equal(expected, status);
        Assert.Contains(text, body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MetricsAreServedOnTheControlSocketAndOnAListenerOfTheirOwn()
    {
        string scrape = _directory.File("metrics.sock");
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null", "--prometheus", $"unix:{scrape}");
        foreach (string path in new[] { Control, scrape })
        {
            using var client = new ControlClient(path);
            (HttpStatusCode status, string body) = await client.GetAsync("/metrics");
            Assert.Equal(HttpStatusCode.OK, status);
            IReadOnlyDictionary<string, double> values = PrometheusGrammar.Check(body);
            Assert.Equal(0, values["vhostnet_port_up{port=\"guest\",kind=\"vhost-user\"}"]);
            Assert.Equal((HttpStatusCode.OK, "ok\n"), await client.GetAsync("/health"));
        }

        using var limited = new ControlClient(scrape);
        Assert.Equal(HttpStatusCode.NotFound, (await limited.GetAsync("/status")).Status);
    }

    [Fact]
    public async Task MetricsAreServedOnALoopbackAddress()
    {
        int port;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            port = ((IPEndPoint)probe.LocalEndpoint).Port;
        }

        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null", "--prometheus", $"127.0.0.1:{port}");
        using var http = new HttpClient();
        PrometheusGrammar.Check(await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics")));
    }

    [Fact]
    public async Task SocketsHaveTheModeThatWasAskedFor()
    {
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null", "--socket-mode", "0606", "--socket-owner", "0", "--socket-group", "root");
        Assert.Equal("606", ModeOf(Socket));
        Assert.Equal("660", ModeOf(Control));
    }

    [Fact]
    public async Task AStaleSocketIsReplaced()
    {
        await using (VhostnetdProcess killed = await StartAsync("--uplink", "null"))
        {
            await killed.Process.KillAsync();
        }

        Assert.True(File.Exists(Socket));
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null");
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(Socket));
    }

    [Fact]
    public async Task SigtermEndsItWithinASecondAndRemovesItsSockets()
    {
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "responder");
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(Socket));
        using var control = new ControlClient(Control);
        await control.GetAsync("/status");

        var time = Stopwatch.StartNew();
        int status = await daemon.Process.TerminateAsync();
        Assert.Equal(0, status);
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(1), $"it took {time.Elapsed}");
        Assert.False(File.Exists(Socket));
        Assert.False(File.Exists(Control));
        Assert.Contains("STOPPING=1", daemon.Notifications.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("io0")]
    [InlineData("control")]
    public async Task AStuckThreadIsReportedAndDoesNotKeepItAlive(string thread)
    {
        string file = _directory.File("config.json");
        await File.WriteAllTextAsync(file, $$"""
            {"ports": [{"name": "guest", "kind": "vhost-user", "socket": {"path": "{{Socket}}"} }], "control": {"path": "{{Control}}" }, "debug": {"stall": true} }
            """);
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
        using var client = new ControlClient(Control);
        Assert.Equal(HttpStatusCode.Accepted, (await client.SendAsync(HttpMethod.Post, $"/debug/stall/{thread}")).Status);
        await daemon.Log.WaitForAsync($"Thread {thread} for \\d+ s, since [^ ,]+(, in [^:]*)? stands still", s_timeout);

        // Both answer without the control thread.
        (HttpStatusCode status, string body) = await client.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.StartsWith($"stuck: {thread} for ", body, StringComparison.Ordinal);
        (status, body) = await client.GetAsync("/metrics");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(PrometheusGrammar.Check(body)[$"vhostnet_thread_stuck{{thread=\"{thread}\"}}"] > 0);
        (status, body) = await client.GetAsync("/status");
        Assert.Equal(thread == "control" ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK, status);
        Assert.Contains(thread == "control" ? "the control thread hangs (control for " : "\"healthy\": false", body, StringComparison.Ordinal);

        var time = Stopwatch.StartNew();
        await daemon.Process.TerminateAsync();
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(2), $"it took {time.Elapsed}");
    }

    /// <summary>Another QEMU on the same socket tries as fast as it can. With a virtual clock, twenty times a second for two minutes: VhostUser.Tests, EndpointTests.</summary>
    [Fact]
    public async Task ManySecondFrontEndsAreOneLine()
    {
        await using VhostnetdProcess daemon = await StartAsync("--uplink", "null");
        using var guest = new LiveGuest(Socket, 1);
        for (int i = 0; i < 60; i++)
        {
            using var rival = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            try
            {
                rival.Connect(new UnixDomainSocketEndPoint(Socket));
            }
            catch (SocketException e)
            {
                // The kernel's queue is full, because four are held and nobody else is let in.
                Assert.Equal(SocketError.WouldBlock, e.SocketErrorCode);
            }
        }

        guest.Send(2, 0, 4);
        Assert.Single(daemon.Log.ToString().Split('\n'), l => l.Contains("turned away", StringComparison.Ordinal));
        using var client = new ControlClient(Control);
        IReadOnlyDictionary<string, double> metrics = PrometheusGrammar.Check((await client.GetAsync("/metrics")).Body);
        Assert.InRange(metrics["vhostnet_port_refused_total{port=\"guest\",kind=\"vhost-user\",what=\"second_front_end\"}"], 1, 12);
        Assert.Equal(1, (await client.JsonAsync("/ports/guest")).GetProperty("sessions").GetInt32());
    }

    /// <summary>The service manager's queue is full from the beginning, and nobody reads it.</summary>
    [Fact]
    public async Task AServiceManagerThatDoesNotReadKeepsNobody()
    {
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        string path = _directory.File("manager");
        manager.Bind(new UnixDomainSocketEndPoint(path));
        ServiceNotifierTests.FillQueue(manager.LocalEndPoint!);
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd", Repository.Daemon, ["--socket-path", Socket, "--uplink", "null"], new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
        await daemon.Output.WaitForAsync("vhostnetd .* is ready", s_timeout);
        var time = Stopwatch.StartNew();
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(1), $"it took {time.Elapsed}");
    }

    /// <summary>A collector that takes the connection and never answers.</summary>
    [Fact]
    public async Task ACollectorThatDoesNotAnswerKeepsNobody()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        string file = _directory.File("config.json");
        await File.WriteAllTextAsync(file, $$$"""
            {"ports": [{"name": "sink", "kind": "null"}], "metrics": {"otlp": {"endpoint": "http://{{{collector.LocalEndpoint}}}", "protocol": "http", "intervalSeconds": 1} } }
            """);
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
        using Socket taken = await collector.AcceptSocketAsync();
        var time = Stopwatch.StartNew();
        Assert.Equal(0, await daemon.Process.TerminateAsync());
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(1), $"it took {time.Elapsed}");
    }

    /// <summary>Whoever reads the log stops reading: its pipe is full.</summary>
    [Fact]
    public async Task ALogThatNobodyReadsKeepsNobody()
    {
        string fifo = _directory.File("log");
        await ChildProcess.RunAsync("mkfifo", [fifo]);
        await using FileStream reader = new(fifo, FileMode.Open, FileAccess.ReadWrite);
        reader.Write(new byte[65536]);
        using var notify = new NotifySocket("sd_notify", _directory.File("notify"));
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd", "sh", ["-c", "exec \"$0\" \"$@\" 2>\"$LOG\"", Repository.Daemon, "--socket-path", Socket, "--uplink", "null"],
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = notify.Path, ["LOG"] = fifo });
        await notify.Output.WaitForAsync("^READY=1$", s_timeout);
        var time = Stopwatch.StartNew();
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(1.5), $"it took {time.Elapsed}");
    }

    private static string ModeOf(string path)
    {
        Assert.Equal(0, statx(path, STATX_MODE, out statx_t facts));
        return Convert.ToString(facts.stx_mode & 0x1FF, 8);
    }

    private Task<VhostnetdProcess> StartAsync(params string[] arguments) =>
        VhostnetdProcess.StartAsync(_directory, ["--socket-path", Socket, "--control", Control, .. arguments]);
}
