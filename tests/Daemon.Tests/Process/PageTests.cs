using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using VhostNet.Aio;
using VhostNet.Daemon.Api.Page;
using VhostNet.Daemon.Metrics;
using VhostNet.TestKit;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>The page at <c>/</c>, looked at by Debian's Chromium.</summary>
public sealed class PageTests : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly int _port = FreePort();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ABrowserDrawsWhatRuns()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var guest = new LiveGuest(_directory.File("vm0.sock"), 1);
        (string dom, string log) = await BrowseAsync("--virtual-time-budget=6000", "--dump-dom");
        Assert.DoesNotContain("Content Security Policy", log, StringComparison.Ordinal);
        Assert.Matches("<span id=\"health\" class=\"good\">[^<]*healthy</span>", dom);
        Assert.Equal(2, Regex.Count(dom, "<section class=\"network\">"));
        Assert.Equal(4, Regex.Count(dom, "class=\"port[ \"]"));
        Assert.Matches("<section id=\"plain\" hidden", dom);
        Assert.Matches("<polyline class=\"in\" points=\"[0-9., ]+ [0-9., ]+\"", dom);
        Assert.Contains("sessions 1", dom, StringComparison.Ordinal);
        Assert.Contains("▼ ", dom, StringComparison.Ordinal);
        Assert.Contains("<td>io0</td>", dom, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutScriptItIsATable()
    {
        await using VhostnetdProcess daemon = await StartAsync();

        // A headless Chromium without scripts neither dumps nor draws a page, so that the text is looked at here.
        using var client = new ControlClient(_directory.File("control.sock"));
        (HttpStatusCode status, string page) = await client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Matches("<tr><td>source</td><td>generator</td><td>lan</td><td>up</td><td>[0-9,]+</td>", page);
    }

    /// <summary>Light and dark; with VHOSTNET_SCREENSHOTS the pictures are kept there, as those under docs/images were.</summary>
    [Theory]
    [InlineData("light", 1)]
    [InlineData("dark", 0)]
    public async Task ItHasALightAndADarkLook(string look, int scheme)
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var guest = new LiveGuest(_directory.File("vm0.sock"), 1);
        string picture = Path.Combine(Environment.GetEnvironmentVariable("VHOSTNET_SCREENSHOTS") ?? _directory.Path, $"page-{look}.png");
        await BrowseAsync($"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=8000", "--window-size=1100,760", $"--screenshot={picture}");
        Assert.True(new FileInfo(picture).Length > 10_000);
    }

    [Theory]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("[::1]", HttpStatusCode.OK)]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    [InlineData("127.0.0.1.evil.example", HttpStatusCode.BadRequest)]
    public async Task ItIsForWhoAsksForThisMachine(string host, HttpStatusCode expected)
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var http = new HttpClient();
        foreach (string path in new[] { "/", "/view.json" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{_port}{path}");
            request.Headers.Host = host;
            using HttpResponseMessage response = await http.SendAsync(request);
            Assert.Equal(expected, response.StatusCode);
            if (path == "/" && expected == HttpStatusCode.OK)
            {
                string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
                Assert.StartsWith("default-src 'none'; script-src 'sha256-", policy, StringComparison.Ordinal);
                Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
                Assert.DoesNotMatch("https?://(?!www.w3.org/2000/svg)", await response.Content.ReadAsStringAsync());
            }
        }

        using var client = new ControlClient(_directory.File("control.sock"));
        Assert.Equal(4, (await client.JsonAsync("/view.json")).GetProperty("ports").GetArrayLength());
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await client.SendAsync(HttpMethod.Post, "/")).Status);
    }

    /// <summary>Somebody who looks all day brings no collection nearer.</summary>
    [Fact]
    public void AViewAllocatesNextToNothing()
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "io0" });
        thread.Start();
        using var port = new VhostUserPort("vm0", new VirtioNetOptions(), [thread]);
        var sources = new MetricSources { Ports = [new PortSource(port, true, null), new PortSource(port, false, null)], Threads = [new ThreadSource(thread)], Networks = ["lan"] };
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        using var json = new Utf8JsonWriter(output);
        long before = 0;
        for (int i = -1; i < 100; i++)
        {
            before = i == 0 ? GC.GetAllocatedBytesForCurrentThread() : before;
            ViewWriter.Write(json, sources);
            json.Flush();
            output.ResetWrittenCount();
            json.Reset(output);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100, 0, 128);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task<(string Output, string Log)> BrowseAsync(params string[] options)
    {
        await using ChildProcess browser = await ChildProcess.StartAsync(
            "chromium",
            "chromium",
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr", $"--user-data-dir={_directory.File("browser")}",
                .. options, string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_port}/"),
            ]);
        Assert.Equal(0, await browser.WaitForExitAsync(TimeSpan.FromSeconds(90)));
        return (browser.StandardOutput.ToString(), browser.Output.ToString());
    }

    private async Task<VhostnetdProcess> StartAsync()
    {
        string file = _directory.File("config.json");
        await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "threads": [{"name": "io0"}],
              "networks": [{"name": "lan", "kind": "switch"}, {"name": "cable", "kind": "wire"}],
              "ports": [
                {"name": "vm0", "kind": "vhost-user", "network": "lan", "socket": {"path": "{{_directory.File("vm0.sock")}}"} },
                {"name": "source", "kind": "generator", "network": "lan", "rate": 5000, "frameSize": 900},
                {"name": "answers", "kind": "responder", "network": "cable"},
                {"name": "vm1", "kind": "vhost-user", "network": "cable", "socket": {"path": "{{_directory.File("vm1.sock")}}"} }
              ],
              "control": {"path": "{{_directory.File("control.sock")}}"},
              "metrics": {"prometheus": "127.0.0.1:{{_port}}"}
            }
            """));
        return await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
    }
}
