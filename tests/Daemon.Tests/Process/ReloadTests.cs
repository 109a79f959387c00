using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>SIGHUP: log files are opened anew, and what the configuration file has become is carried out, as far as it can be while frames flow.</summary>
public sealed class ReloadTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);
    private readonly TestDirectory _directory = new();

    private string Control => _directory.File("control.sock");

    private string Config => _directory.File("config.json");

    private string Log => _directory.File("daemon.log");

    private string Socket => _directory.File("vm0.sock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ALogFileThatWasMovedAwayIsOpenedAnew()
    {
        await using VhostnetdProcess daemon = await StartAsync("\"ports\": []");
        File.Move(Log, Log + ".1");
        await HangUpAsync(daemon);
        await WaitAsync(() => File.Exists(Log) && File.ReadAllText(Log).Contains("was read again, 0 changes made", StringComparison.Ordinal));
        Assert.Contains("is ready", await File.ReadAllTextAsync(Log + ".1"), StringComparison.Ordinal);
        Assert.DoesNotContain("is ready", await File.ReadAllTextAsync(Log), StringComparison.Ordinal);
        Assert.Matches("^RELOADING=1\nMONOTONIC_USEC=[0-9]+\n", daemon.Notifications.ToString()[daemon.Notifications.ToString().IndexOf("RELOADING", StringComparison.Ordinal)..]);
        Assert.Equal(0, await daemon.Process.TerminateAsync());
    }

    [Fact]
    public async Task ADaemonWithoutAFileSaysSoAndGoesOn()
    {
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--socket-path", Socket, "--uplink", "null"]);
        await HangUpAsync(daemon, "^.* info +SIGHUP: log files are opened anew; started by a command line, the daemon has no configuration file to read again$");
        Assert.False(daemon.Process.Exited.IsCompleted);
    }

    [Fact]
    public async Task WhatTheFileHasBecomeIsCarriedOutAndASessionGoesOn()
    {
        const string vm = "{\"name\": \"vm0\", \"kind\": \"vhost-user\", \"network\": \"lan\", \"socket\": {\"path\": \"SOCKET\"}LIMITS}";
        string port = vm.Replace("SOCKET", Socket, StringComparison.Ordinal);
        await using VhostnetdProcess daemon = await StartAsync(
            $$"""
            "networks": [{"name": "lan", "kind": "switch"}],
            "ports": [{{port.Replace("LIMITS", "", StringComparison.Ordinal)}}, {"name": "old", "kind": "null", "network": "lan"}]
            """);
        using var guest = new LiveGuest(Socket, 1);
        using var client = new ControlClient(Control);
        string limited = port.Replace("LIMITS", ", \"limits\": {\"in\": {\"framesPerSecond\": 77}}", StringComparison.Ordinal);
        Write($$"""
            "networks": [{"name": "lan", "kind": "switch", "mirror": {"port": "eye"} }, {"name": "more", "kind": "wire"}],
            "ports": [{{limited}},
                      {"name": "eye", "kind": "null", "network": "lan"}, {"name": "end", "kind": "null", "network": "more"}],
            "log": {"file": "{{Log}}", "level": "debug"}
            """, withLog: false);
        await HangUpAsync(daemon, "was read again, 6 changes made");
        JsonElement status = await client.JsonAsync("/status");
        Assert.Equal(["end", "eye", "vm0"], status.GetProperty("ports").EnumerateArray().Select(p => p.GetProperty("name").GetString()).Order());
        Assert.Empty(status.GetProperty("unsaved").EnumerateArray());
        JsonElement vm0 = await client.JsonAsync("/ports/vm0");
        Assert.Equal(77, vm0.GetProperty("limits").GetProperty("in").GetProperty("framesPerSecond").GetInt32());
        Assert.Equal("eye", (await client.JsonAsync("/networks/lan")).GetProperty("mirror").GetProperty("port").GetString());

        // The same session, and it still moves frames.
        Assert.Equal(1, vm0.GetProperty("sessions").GetInt32());
        guest.Send(2, 0, 4);
        Assert.DoesNotContain(" warning ", daemon.Log.ToString().Replace("can be shrunk", "", StringComparison.Ordinal), StringComparison.Ordinal);

        // Debug lines are new too.
        Assert.DoesNotContain(" debug ", daemon.Log.ToString(), StringComparison.Ordinal);
        await client.GetAsync("/status");
        Assert.Equal(0, await daemon.Process.TerminateAsync());
    }

    [Fact]
    public async Task WhatCannotBeChangedIsNamedInOneWarning()
    {
        await using VhostnetdProcess daemon = await StartAsync("\"ports\": [{\"name\": \"a\", \"kind\": \"null\"}]");
        Write("\"ports\": [{\"name\": \"a\", \"kind\": \"null\", \"mtu\": 900}, {\"name\": \"b\", \"kind\": \"tap\", \"fds\": [9]}], \"debug\": {\"stall\": true}");
        for (int i = 0; i < 2; i++)
        {
            int from = daemon.Log.Length;
            await HangUpAsync(daemon, "not all of");
            string warning = Assert.Single(daemon.Log.Since(from).Split('\n'), l => l.Contains(" warning ", StringComparison.Ordinal));
            Assert.EndsWith(
                $"SIGHUP: not all of {Config} is in force: ports.a.mtu, debug can't be changed while the daemon runs, start it anew for that; " +
                "ports.b.fds: descriptors are inherited at the start only; name a path or an interface instead",
                warning, StringComparison.Ordinal);
        }

        using var client = new ControlClient(Control);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/ports/b")).Status);
    }

    [Fact]
    public async Task AFileWithAMistakeChangesNothingAndSaysWhy()
    {
        await using VhostnetdProcess daemon = await StartAsync("\"ports\": [{\"name\": \"a\", \"kind\": \"null\"}]");
        Write("\"ports\": [{\"name\": \"b\", \"kind\": \"nul\"}]");
        File.Move(Log, Log + ".1");
        await HangUpAsync(daemon, $" error +SIGHUP: {Regex.Escape(Config)}: ports\\[0\\]\\.kind: \"nul\" is unknown; did you mean \"null\"\\?; nothing is changed, log files are opened anew$");
        await WaitAsync(() => File.Exists(Log));
        using var client = new ControlClient(Control);
        Assert.Equal(["a"], (await client.JsonAsync("/status")).GetProperty("ports").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
    }

    /// <summary>Whoever turns logs sends the signal every night: what an operator changed at run time is still there the next morning.</summary>
    [Fact]
    public async Task AChangeThatIsInNoFileOutlivesTheSignal()
    {
        await using VhostnetdProcess daemon = await StartAsync("\"ports\": [{\"name\": \"a\", \"kind\": \"null\"}]");
        using var client = new ControlClient(Control);
        await client.SendAsync(HttpMethod.Put, "/ports/b", """{"kind": "null"}""");
        await client.SendAsync(HttpMethod.Put, "/ports/c?persist=true", """{"kind": "null"}""");
        await client.SendAsync(HttpMethod.Patch, "/ports/a", """{"limits": {"in": {"framesPerSecond": 3}}}""");
        await HangUpAsync(daemon, "was read again, 0 changes made");
        Assert.Equal(3, (await client.JsonAsync("/ports/a")).GetProperty("limits").GetProperty("in").GetProperty("framesPerSecond").GetInt32());
        JsonElement status = await client.JsonAsync("/status");
        Assert.Equal(["a", "b", "c"], status.GetProperty("ports").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.Equal(["ports.b", "ports.a"], status.GetProperty("unsaved").EnumerateArray().Select(p => p.GetString()));
    }

    private static async Task HangUpAsync(VhostnetdProcess daemon, string answer = "SIGHUP: ")
    {
        int from = daemon.Log.Length;
        int told = daemon.Notifications.Length;
        daemon.Process.Signal(SIGHUP);
        await daemon.Log.WaitForAsync(new Regex(answer, RegexOptions.Multiline), from, s_timeout);
        await daemon.Notifications.WaitForAsync(new Regex("RELOADING=1[^§]*READY=1"), told, s_timeout);
    }

    private static async Task WaitAsync(Func<bool> isSo) => Assert.True(await Task.Run(() => SpinWait.SpinUntil(isSo, s_timeout)));

    private void Write(string rest, bool withLog = true) =>
        File.WriteAllText(Config, $"{{\"control\": {{\"path\": \"{Control}\"}}, {(withLog ? $"\"log\": {{\"file\": \"{Log}\"}}, " : string.Empty)}{rest}}}");

    private async Task<VhostnetdProcess> StartAsync(string rest)
    {
        Write(rest);
        return await VhostnetdProcess.StartAsync(_directory, ["--config", Config]);
    }
}
