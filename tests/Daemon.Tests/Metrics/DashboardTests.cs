using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using VhostNet.Daemon.Metrics;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Metrics;

/// <summary>The alerts and the dashboard under deploy/: what they name exists, and a real Prometheus understands it and scrapes the daemon.</summary>
public sealed partial class DashboardTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private static readonly string s_rules = Path.Combine(Repository.Root, "deploy", "prometheus", "vhostnet.rules.yml");
    private static readonly string s_dashboard = Path.Combine(Repository.Root, "deploy", "grafana", "vhostnet.json");
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void EveryMetricThatIsNamedExists()
    {
        HashSet<string> known = [.. MetricCatalog.All.Select(m => m.PrometheusName)];
        foreach (string file in new[] { s_rules, s_dashboard })
        {
            string[] named = [.. Name().Matches(File.ReadAllText(file)).Select(m => m.Value).Distinct()];
            Assert.InRange(named.Length, 8, known.Count);
            Assert.Empty(named.Except(known));
        }
    }

    [Fact]
    public async Task TheRulesPassTheirOwnTests()
    {
        string directory = Path.GetDirectoryName(s_rules)!;
        await ChildProcess.RunAsync("promtool", ["check", "rules", s_rules]);
        string output = await ChildProcess.RunAsync("sh", ["-c", $"cd '{directory}' && promtool test rules vhostnet.rules.test.yml"]);
        Assert.Contains("SUCCESS", output, StringComparison.Ordinal);

        // An alert without a test is none that anybody has seen fire.
        Assert.Contains($"value: {Regex.Count(await File.ReadAllTextAsync(s_rules), "- alert:")} }}", await File.ReadAllTextAsync(Path.Combine(directory, "vhostnet.rules.test.yml")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARealPrometheusScrapesTheDaemonAndEvaluatesEveryPanel()
    {
        (int scrape, int web) = (FreePort(), FreePort());
        string file = _directory.File("config.json");
        await File.WriteAllTextAsync(file, $$"""
            {
              "networks": [{"name": "lan", "kind": "switch"}],
              "ports": [{"name": "sink", "kind": "null", "network": "lan"}, {"name": "source", "kind": "generator", "network": "lan", "rate": 100, "labels": {"tenant": "blue"} },
                        {"name": "vm0", "kind": "vhost-user", "network": "lan", "socket": {"path": "{{_directory.File("vm0.sock")}}"} }],
              "metrics": {"prometheus": "127.0.0.1:{{scrape}}"}
            }
            """);
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
        string config = _directory.File("prometheus.yml");
        await File.WriteAllTextAsync(config, string.Create(CultureInfo.InvariantCulture, $$"""
            global: {scrape_interval: 500ms, evaluation_interval: 500ms}
            rule_files: ["{{s_rules}}"]
            scrape_configs: [{job_name: vhostnet, static_configs: [{targets: ["127.0.0.1:{{scrape}}"]}]}]
            """));
        await using ChildProcess prometheus = await ChildProcess.StartAsync(
            "prometheus", "prometheus", [$"--config.file={config}", $"--storage.tsdb.path={_directory.File("data")}", $"--web.listen-address=127.0.0.1:{web}"]);
        await prometheus.Output.WaitForAsync("Server is ready to receive web requests", s_timeout);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{web}") };
        using var limit = new CancellationTokenSource(s_timeout);
        while ((await QueryAsync(http, "rate(vhostnet_port_frames_total{port=\"source\", tenant=\"blue\", direction=\"in\"}[5s]) > 10")).Length == 0)
        {
            Assert.False(limit.IsCancellationRequested || prometheus.Exited.IsCompleted, prometheus.Output.Tail());
        }

        using JsonDocument dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(s_dashboard));
        string[] expressions =
        [
            .. dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(p => p.GetProperty("targets").EnumerateArray()).Select(t => t.GetProperty("expr").GetString()!),
        ];
        Assert.True(expressions.Length > 15);
        foreach (string expression in expressions)
        {
            await QueryAsync(http, expression.Replace("$instance", ".*", StringComparison.Ordinal).Replace("$port", ".*", StringComparison.Ordinal).Replace("$__rate_interval", "1m", StringComparison.Ordinal));
        }

        Assert.Equal(3, (await QueryAsync(http, "vhostnet_port_up")).Length);
        Assert.Equal(string.Empty, string.Join(' ', await QueryAsync(http, "ALERTS{alertstate=\"firing\"}")));
        using JsonDocument rules = JsonDocument.Parse(await http.GetStringAsync(new Uri("/api/v1/rules", UriKind.Relative)));
        Assert.All(
            rules.RootElement.GetProperty("data").GetProperty("groups")[0].GetProperty("rules").EnumerateArray(),
            r => Assert.NotEqual("err", r.GetProperty("health").GetString()));
    }

    private static async Task<string[]> QueryAsync(HttpClient http, string expression)
    {
        using HttpResponseMessage response = await http.GetAsync(new Uri($"/api/v1/query?query={Uri.EscapeDataString(expression)}", UriKind.Relative));
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{expression}: {body}");
        using JsonDocument answer = JsonDocument.Parse(body);
        return [.. answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().Select(r => r.GetRawText())];
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    [GeneratedRegex("vhostnet_[a-z_]+[a-z]")]
    private static partial Regex Name();
}
