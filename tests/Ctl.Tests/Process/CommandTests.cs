using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Process;

/// <summary>The commands, against a daemon that runs.</summary>
public sealed class CommandTests
{
    [Fact]
    public async Task ListsAreTablesAndJson()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string status = await daemon.OkAsync("status");
        Assert.Contains(": healthy\n1 thread, 1 network, 3 ports, 0 sessions\ndown: vm0 (vhost-user): no guest\n", status, StringComparison.Ordinal);
        string ports = await daemon.OkAsync("ports");
        Assert.Equal(4, ports.TrimEnd().Split('\n').Length);
        Assert.Matches(@"^PORT +KIND +NETWORK +STATE ", ports);
        Assert.Matches(@"\nvm0 +vhost-user +lan +down ", ports);
        Assert.Matches(@"^lan +switch +\d+/8192 +0 +- +sink,source,vm0", (await daemon.OkAsync("networks")).Split('\n')[1]);
        Assert.Matches(@"^io0 +adaptive ", (await daemon.OkAsync("threads")).Split('\n')[1]);
        Assert.Matches(@"\nvm0 +vhost-user +regions +0 +64 +0", await daemon.OkAsync("flows"));
        Assert.Matches(@"\n02:76:6e:00:00:01 +0 +source +learned ", await daemon.OkAsync("addresses", "lan"));
        string port = await daemon.OkAsync("port", "vm0");
        Assert.Matches(@"\nsession +none; 0 so far\n", port);
        Assert.Matches(@"\n0tx +io0 +stopped ", port);
        Assert.DoesNotContain('\x1b', status + ports + port);

        Assert.Equal(daemon.Process.Process.Id, (await daemon.JsonAsync("status")).GetProperty("pid").GetInt32());
        Assert.Equal(["sink", "source", "vm0"], (await daemon.JsonAsync("ports")).EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.Equal("lan", (await daemon.JsonAsync("networks"))[0].GetProperty("name").GetString());
        Assert.Equal("io0", (await daemon.JsonAsync("threads"))[0].GetProperty("name").GetString());
        Assert.Equal("vm0", (await daemon.JsonAsync("port", "vm0")).GetProperty("name").GetString());
        Assert.Equal("source", (await daemon.JsonAsync("addresses", "lan"))[0].GetProperty("port").GetString());
    }

    [Fact]
    public async Task ChangesAreMadeAndPersisted()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        Assert.Equal("network lab: added\n", await daemon.OkAsync("add", "network", "lab", "kind=switch"));
        await daemon.OkAsync("add", "port", "probe", "kind=null", "network=lab");
        await daemon.OkAsync("set", "port", "sink", "switch.vlan=7", "switch.mode=access", "limits.out.bytesPerSecond=1000000");
        await daemon.OkAsync("set", "thread", "io0", "poll=interrupt");
        Assert.Equal(7, (await daemon.JsonAsync("port", "sink")).GetProperty("switch").GetProperty("vlan").GetInt32());
        Assert.Contains("unsaved: networks.lab, ports.probe, ports.sink, threads.io0 (", await daemon.OkAsync("status"), StringComparison.Ordinal);

        // The port comes into the file after its network, whatever the order of the changes was.
        Assert.StartsWith("written: networks.lab, ports.probe, ports.sink, threads.io0", await daemon.OkAsync("persist"), StringComparison.Ordinal);
        Assert.Equal("nothing was unsaved\n", await daemon.OkAsync("persist"));
        Assert.DoesNotContain("unsaved", await daemon.OkAsync("status"), StringComparison.Ordinal);
        string text = await File.ReadAllTextAsync(daemon.Config);
        Assert.Contains("\"probe\"", text, StringComparison.Ordinal);
        Assert.Contains("1000000", text, StringComparison.Ordinal);
        Assert.EndsWith(": correct\n", await daemon.OkAsync("check", daemon.Config), StringComparison.Ordinal);

        await daemon.OkAsync("remove", "port", "probe");
        await daemon.OkAsync("remove", "network", "lab");
        await daemon.OkAsync("set", "port", "sink", "limits=null", "--persist");
        Assert.StartsWith("written: ports.probe, networks.lab", await daemon.OkAsync("persist"), StringComparison.Ordinal);
        text = await File.ReadAllTextAsync(daemon.Config);
        Assert.DoesNotContain("\"lab\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("1000000", text, StringComparison.Ordinal);
    }

    /// <summary>Two ports are removed together with their network, in the order in which the file can't take it.</summary>
    [Fact]
    public async Task WhatIsPersistedFindsItsOrder()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        await daemon.OkAsync("add", "port", "x", "kind=null");
        await daemon.OkAsync("add", "network", "later", "kind=switch");
        await daemon.OkAsync("set", "port", "x", "network=later");
        Assert.StartsWith("written: networks.later, ports.x", await daemon.OkAsync("persist"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogLevelsAreLive()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        Assert.Matches(@"\nVhostNet.VhostUser +default", await daemon.OkAsync("log"));
        Assert.Matches(@"\nVhostNet.VhostUser +debug", await daemon.OkAsync("log", "debug", "VhostNet.VhostUser"));
        await daemon.Process.Log.WaitForAsync("Log level of VhostNet.VhostUser is debug now", TimeSpan.FromSeconds(20));
        Assert.Equal("error", (await daemon.JsonAsync("log", "error")).GetProperty("level").GetString());
        JsonElement levels = await daemon.JsonAsync("log", "default", "VhostNet.VhostUser");
        Assert.Empty(levels.GetProperty("sources").EnumerateObject());
    }

    [Theory]
    [InlineData(2, "there is no port \"vm\"; did you mean \"vm0\"?", "port", "vm")]
    [InlineData(2, "ports.sink.switch.vlan: 4095 stands where a whole number from 1 to 4094 is expected", "set", "port", "sink", "switch.vlan=4095")]
    [InlineData(4, "ports.vm0.queuePairs: can't be changed while it runs", "set", "port", "vm0", "queuePairs=2")]
    [InlineData(4, "network lan", "remove", "network", "lan")]
    [InlineData(2, "level: \"loud\" is unknown", "log", "loud")]
    [InlineData(2, "no such source of log lines; did you mean \"VhostNet.VhostUser\"?", "log", "debug", "VhostNet.VhostUse")]
    [InlineData(2, "porst: unknown command, did you mean ports?", "porst")]
    [InlineData(2, "--jsn: unknown option, did you mean --json?", "status", "--jsn")]
    [InlineData(2, "x: one word too many", "status", "x")]
    [InlineData(2, "Required argument missing", "port")]
    [InlineData(2, "a whole number from 1 to 9223372036854775807 is expected", "capture", "sink", "--frames", "0")]
    [InlineData(3, "can't be written", "capture", "sink", "-w", "/nonexistent/x")]
    [InlineData(2, "there is no such file", "check", "/nonexistent.json")]
    public async Task ARefusalIsTheDaemonsSentence(int status, string sentence, params string[] arguments)
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        ToolResult result = await daemon.CtlAsync(arguments);
        Assert.Equal(status, result.Status);
        Assert.StartsWith("vhostnetctl: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(sentence, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task ADaemonThatIsNotThereIsAStatusOfItsOwn() =>
        Assert.Equal(3, (await ProgramsUnderTest.RunAsync("--socket", "/nonexistent.sock", "status")).Status);

    [Theory]
    [InlineData("io0")]
    [InlineData("control")]
    public async Task AThreadThatStandsStillIsAStatusOfItsOwn(string thread)
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync(", \"debug\": {\"stall\": true}");
        using (var client = new Ctl.Client.ControlClient(daemon.Control))
        {
            client.Send("POST", $"/debug/stall/{thread}");
        }

        await daemon.Process.Log.WaitForAsync($"Thread {thread} for .* stands still", TimeSpan.FromSeconds(20));
        ToolResult result = await daemon.CtlAsync("status");
        Assert.Equal(5, result.Status);
        Assert.Contains($"stuck: {thread} for ", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShellsComplete()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string bin = daemon.Directory.File("bin");
        Directory.CreateDirectory(bin);
        File.CreateSymbolicLink(Path.Combine(bin, "vhostnetctl"), ProgramsUnderTest.Tool);
        string script = $$"""
            export PATH={{bin}}:$PATH VHOSTNETCTL_SOCKET={{daemon.Control}}
            source <(vhostnetctl completion bash)
            try() { COMP_LINE=$1; COMP_POINT=${#1}; read -ra COMP_WORDS <<<"$1"; [ "${1% }" = "$1" ] || COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _vhostnetctl; echo "${COMPREPLY[*]}"; }
            try "vhostnetctl po"
            try "vhostnetctl port v"
            try "vhostnetctl set port s"
            try "vhostnetctl completion "
            """;
        string output = await ChildProcess.RunAsync("bash", ["-c", script]);
        Assert.Equal("port ports\nvm0\nsink source\nbash fish zsh\n", output);
        Assert.StartsWith("#compdef vhostnetctl", await daemon.OkAsync("completion", "zsh"), StringComparison.Ordinal);
        Assert.Contains("complete -c vhostnetctl", await daemon.OkAsync("completion", "fish"), StringComparison.Ordinal);
    }
}
