using System.Net;
using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>A running daemon is changed over its control socket, and starts again with what was to last.</summary>
public sealed class LiveChangeTests : IDisposable
{
    private const uint Mode = 0x1a0; // 0640
    private const string Comment = "// Kept by hand.";
    private readonly TestDirectory _directory = new();

    private string Control => _directory.File("control.sock");

    private string Config => _directory.File("config.json");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task PortsAndNetworksComeChangeAndGo()
    {
        await using VhostnetdProcess daemon = await StartAsync("\"ports\": []");
        using var client = new ControlClient(Control);
        Assert.Equal("switch", (await ChangeAsync(client, "PUT", "/networks/sw", """{"kind": "switch"}""", HttpStatusCode.Created)).GetProperty("kind").GetString());
        await ChangeAsync(client, "PUT", "/ports/a", """{"kind": "null", "network": "sw", "switch": {"mode": "access", "vlan": 5}}""", HttpStatusCode.Created);
        await ChangeAsync(client, "PUT", "/ports/eye", """{"kind": "null", "network": "sw"}""", HttpStatusCode.Created);
        JsonElement port = await ChangeAsync(
            client, "PATCH", "/ports/a", """{"switch": {"vlan": 6, "staticMacs": ["02:00:00:00:00:01@6"], "retries": 8}, "limits": {"out": {"framesPerSecond": 10}}}""");
        Assert.Equal(6, port.GetProperty("switch").GetProperty("vlan").GetInt32());
        Assert.Equal(10, port.GetProperty("limits").GetProperty("out").GetProperty("framesPerSecond").GetInt32());
        Assert.Equal(JsonValueKind.Null, port.GetProperty("limits").GetProperty("in").ValueKind);
        JsonElement network = await ChangeAsync(client, "PATCH", "/networks/sw", """{"mirror": {"port": "eye", "from": "a"}}""");
        Assert.Equal(["a", "eye"], network.GetProperty("ports").EnumerateArray().Select(p => p.GetString()));
        Assert.Equal("eye", network.GetProperty("mirror").GetProperty("port").GetString());
        JsonElement address = Assert.Single((await client.JsonAsync("/networks/sw/addresses")).EnumerateArray());
        Assert.Equal(("02:00:00:00:00:01", 6, "a", true), (address.GetProperty("address").GetString(), address.GetProperty("vlan").GetInt32(),
            address.GetProperty("port").GetString(), address.GetProperty("static").GetBoolean()));

        await RefuseAsync(client, "DELETE", "/ports/eye", HttpStatusCode.Conflict, "is part of the mirror");
        await RefuseAsync(client, "DELETE", "/networks/sw", HttpStatusCode.Conflict, "joins a, eye");
        await ChangeAsync(client, "PATCH", "/networks/sw", """{"mirror": null}""");
        await ChangeAsync(client, "PATCH", "/ports/eye", """{"network": null}""");
        Assert.Equal(["networks.sw", "ports.a", "ports.eye"], await UnsavedAsync(client));
        await ChangeAsync(client, "DELETE", "/ports/a", null, HttpStatusCode.NoContent);
        await ChangeAsync(client, "DELETE", "/networks/sw", null, HttpStatusCode.NoContent);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/networks/sw")).Status);
        await daemon.Notifications.WaitForAsync("^STATUS=1 ports, 0 networks$", TimeSpan.FromSeconds(20));
        Assert.Equal("eye", Assert.Single((await client.JsonAsync("/status")).GetProperty("ports").EnumerateArray()).GetProperty("name").GetString());
    }

    /// <summary>The file's disk, which the daemon alone sees, is full: the new version does not fit.</summary>
    [Fact]
    public async Task AFullDiskLeavesNoHalfFile()
    {
        const int diskBytes = 32 * 1024;
        string disk = _directory.File("disk");
        Directory.CreateDirectory(disk);
        string config = "{\"control\": {\"path\": \"" + Control + "\"}, \"ports\": [{\"name\": \"a\", \"kind\": \"null\"}] /* " + new string('x', (diskBytes * 5 / 8) - 200) + " */}";
        await File.WriteAllTextAsync(Config, config);
        using var notify = new NotifySocket("sd_notify", _directory.File("notify"));
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd",
            "unshare",
            ["-m", "sh", "-c", $"mount -t tmpfs -o size={diskBytes} none {disk} && cp {Config} {disk}/config.json && exec \"$0\" --config {disk}/config.json", Repository.Daemon],
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = notify.Path });
        await notify.Output.WaitForAsync("^READY=1$", TimeSpan.FromSeconds(20));
        using var client = new ControlClient(Control);
        await RefuseAsync(client, "PUT", "/ports/b?persist=true", HttpStatusCode.Conflict, "can't be replaced, so nothing was changed", """{"kind": "null"}""");
        Assert.Equal(["config.json"], Directory.EnumerateFileSystemEntries($"/proc/{daemon.Id}/root{disk}").Select(Path.GetFileName));
        Assert.Equal(config, await File.ReadAllTextAsync($"/proc/{daemon.Id}/root{disk}/config.json"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/ports/b")).Status);
    }

    [Fact]
    public async Task AChangeThatFailsChangesNothing()
    {
        await using VhostnetdProcess daemon = await StartAsync("""
            "networks": [{"name": "sw", "kind": "switch", "macTableCapacity": 2}],
            "ports": [{"name": "a", "kind": "null", "network": "sw", "switch": {"staticMacs": ["02:00:00:00:00:01"]}}]
            """);
        using var client = new ControlClient(Control);
        string file = await File.ReadAllTextAsync(Config);
        string before = await SettingsAsync(client);
        string many = string.Join(", ", Enumerable.Range(1, 99).Select(i => $"\"02:00:00:00:01:{i:x2}\""));
        await RefuseAsync(client, "PUT", "/ports/vm?persist=true", HttpStatusCode.Conflict, "the directory /nonexistent does not exist", """{"kind": "vhost-user", "socket": {"path": "/nonexistent/vm.sock"}}""");
        await RefuseAsync(client, "PATCH", "/ports/a?persist=true", HttpStatusCode.Conflict, "has no room for fixed address", $$$"""{"switch": {"staticMacs": [{{{many}}}]}, "limits": {"in": {"framesPerSecond": 1} } }""");
        await RefuseAsync(client, "PUT", "/ports/b?persist=true", HttpStatusCode.Conflict, "has no room for fixed address", $$$"""{"kind": "null", "network": "sw", "switch": {"staticMacs": [{{{many}}}]}}""");
        await RefuseAsync(client, "PATCH", "/ports/a?presist=true", HttpStatusCode.BadRequest, "?presist: unknown parameter; did you mean \"persist\"?", "{}");
        await RefuseAsync(client, "PATCH", "/ports/a?persist=on", HttpStatusCode.BadRequest, "?persist=on: \"true\" or \"false\" is expected", "{}");
        await RefuseAsync(client, "PATCH", "/ports/a", HttpStatusCode.BadRequest, "the request's body is not valid JSON", "{");
        await RefuseAsync(client, "POST", "/ports/a", HttpStatusCode.MethodNotAllowed, "takes GET, PUT, PATCH and DELETE, not POST", "{}");
        await RefuseAsync(client, "DELETE", "/threads/io0", HttpStatusCode.MethodNotAllowed, "threads are made at the start");
        Assert.Equal(before, await SettingsAsync(client));
        Assert.Equal(file, await File.ReadAllTextAsync(Config));
        Assert.Empty(await UnsavedAsync(client));
        Assert.Equal(["config.json", "control.sock"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName).Where(f => !f!.StartsWith("notify", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task WhatIsPersistedIsThereAfterARestart()
    {
        const string Start = $$"""
            {{Comment}}
            "threads": [{"name": "io0", "poll": "interrupt"}],
            "networks": [{"name": "sw", "kind": "switch"}],
            "ports": [
              {"name": "old", "kind": "null"}, {{Comment}}
              {"name": "a", "kind": "null", "network": "sw"}
            ]
            """;
        await using (VhostnetdProcess daemon = await StartAsync(Start))
        {
            using var client = new ControlClient(Control);
            Assert.Equal(0, chmod(Config, Mode));
            await ChangeAsync(client, "PATCH", "/ports/a?persist=true", """{"switch": {"mode": "access", "vlan": 9}}""");
            await ChangeAsync(client, "PUT", "/ports/b?persist=true", """{"kind": "generator", "network": "sw", "rate": 10}""", HttpStatusCode.Created);
            await ChangeAsync(client, "DELETE", "/ports/old?persist=true", null, HttpStatusCode.NoContent);
            await ChangeAsync(client, "PUT", "/networks/pair?persist=true", """{"kind": "wire"}""", HttpStatusCode.Created);
            await ChangeAsync(client, "PATCH", "/networks/sw?persist=true", """{"mirror": {"port": "a"}}""");
            await ChangeAsync(client, "PATCH", "/threads/io0?persist=true", """{"poll": "adaptive", "pollMaxMicroseconds": 50}""");
            Assert.Empty(await UnsavedAsync(client));
            await ChangeAsync(client, "PUT", "/ports/passing", """{"kind": "null"}""", HttpStatusCode.Created);
            await ChangeAsync(client, "PUT", "/networks/passing", """{"kind": "switch"}""", HttpStatusCode.Created);
            await RefuseAsync(client, "PUT", "/ports/c?persist=true", HttpStatusCode.Conflict, "there is no network \"passing\"", """{"kind": "null", "network": "passing"}""");
            Assert.Equal(["networks.passing", "ports.passing"], await UnsavedAsync(client));
            Assert.Equal(0, await daemon.Process.TerminateAsync());
        }

        string text = await File.ReadAllTextAsync(Config);
        Assert.Equal(2, text.Split(Comment).Length - 1);
        Assert.Equal(0, statx(Config, STATX_MODE, out statx_t facts));
        Assert.Equal(Mode, facts.stx_mode & 0xfffu);
        await using VhostnetdProcess again = await VhostnetdProcess.StartAsync(_directory, ["--config", Config]);
        using var after = new ControlClient(Control);
        JsonElement status = await after.JsonAsync("/status");
        Assert.Equal(["a", "b"], status.GetProperty("ports").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.Equal(["pair", "sw"], status.GetProperty("networks").EnumerateArray().Select(p => p.GetProperty("name").GetString()).Order());
        Assert.Equal("a", (await after.JsonAsync("/networks/sw")).GetProperty("mirror").GetProperty("port").GetString());
        Assert.Equal(9, (await after.JsonAsync("/ports/a")).GetProperty("switch").GetProperty("vlan").GetInt32());
        JsonElement thread = await after.JsonAsync("/threads/io0");
        Assert.Equal(("adaptive", 50), (thread.GetProperty("poll").GetString(), thread.GetProperty("pollMaxMicroseconds").GetInt32()));
    }

    [Fact]
    public async Task WithoutAFileChangesAreMadeButDoNotLast()
    {
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(
            _directory, ["--socket-path", _directory.File("guest.sock"), "--uplink", "generator,rate=10", "--control", Control, "--poll", "interrupt"]);
        using var client = new ControlClient(Control);
        await RefuseAsync(client, "PATCH", "/ports/guest?persist=true", HttpStatusCode.Conflict, "runs without a configuration file", """{"limits": {"in": {"framesPerSecond": 5}}}""");
        await ChangeAsync(client, "PATCH", "/ports/guest", """{"limits": {"in": {"framesPerSecond": 5}}}""");
        JsonElement guest = await ChangeAsync(client, "PATCH", "/ports/guest", """{"limits": {"out": {"bytesPerSecond": 7}}}""");
        Assert.Equal(5, guest.GetProperty("limits").GetProperty("in").GetProperty("framesPerSecond").GetInt32());
        Assert.Equal(7, guest.GetProperty("limits").GetProperty("out").GetProperty("bytesPerSecond").GetInt32());
        await RefuseAsync(client, "PATCH", "/ports/guest", HttpStatusCode.Conflict, "ports.guest.mtu: can't be changed while it runs", """{"mtu": 9000}""");
        Assert.Equal("busy", (await ChangeAsync(client, "PATCH", "/threads/io0", """{"poll": "busy"}""")).GetProperty("poll").GetString());
        await ChangeAsync(client, "PUT", "/networks/sw", """{"kind": "switch"}""", HttpStatusCode.Created);
        Assert.Equal("sw", (await ChangeAsync(client, "PATCH", "/ports/uplink", """{"network": "sw"}""")).GetProperty("network").GetString());
    }

    private static async Task<JsonElement> ChangeAsync(ControlClient client, string method, string path, string? body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        (HttpStatusCode status, string answer) = await client.SendAsync(new HttpMethod(method), path, body);
        Assert.True(status == expected, $"{method} {path}: {(int)status} {answer}");
        if (answer.Length == 0)
        {
            return default;
        }

        using JsonDocument document = JsonDocument.Parse(answer);
        return document.RootElement.Clone();
    }

    private static async Task RefuseAsync(ControlClient client, string method, string path, HttpStatusCode expected, string text, string? body = null)
    {
        (HttpStatusCode status, string answer) = await client.SendAsync(new HttpMethod(method), path, body);
        Assert.True(status == expected, $"{method} {path}: {(int)status} {answer}");
        using JsonDocument document = JsonDocument.Parse(answer);
        Assert.Contains(text, document.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static async Task<string[]> UnsavedAsync(ControlClient client) =>
        [.. (await client.JsonAsync("/status")).GetProperty("unsaved").EnumerateArray().Select(i => i.GetString()!).Order()];

    /// <summary>What can be changed, as it is in force.</summary>
    private static async Task<string> SettingsAsync(ControlClient client)
    {
        JsonElement status = await client.JsonAsync("/status");
        return string.Join('\n', status.GetProperty("ports").EnumerateArray().SelectMany(p => new[] { "name", "network", "limits", "switch" }.Select(k => p.GetProperty(k).GetRawText()))
            .Append(status.GetProperty("networks").GetRawText()));
    }

    private async Task<VhostnetdProcess> StartAsync(string parts)
    {
        await File.WriteAllTextAsync(Config, $$"""
            {
              "control": {"path": "{{Control}}"},
              {{parts}}
            }
            """);
        return await VhostnetdProcess.StartAsync(_directory, ["--config", Config]);
    }
}
