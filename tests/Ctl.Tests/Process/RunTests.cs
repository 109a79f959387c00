using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Process;

/// <summary><c>vhostnetctl run</c>: a QEMU of one's own with a network, by one command.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>A program that says it is a QEMU and prints its arguments.</summary>
    [Fact]
    public async Task WhatIsAddedIsSaidAndGiven()
    {
        string qemu = await ProgramAsync("echo \"args: $*\"; exit 7");
        ToolResult result = await ProgramsUnderTest.RunAsync("run", "--uplink", "null", "--", qemu, "-accel", "kvm", "-m", "64");
        Assert.Equal(7, result.Status);
        Match args = Regex.Match(result.Output, "args: -accel kvm -m 64 (.*)\n");
        Assert.Contains($"added to QEMU's command line: {args.Groups[1].Value}\n", result.Error, StringComparison.Ordinal);
        Assert.Matches("^-object memory-backend-memfd,id=vhostnet-mem,size=64M,share=on -machine memory-backend=vhostnet-mem -chardev socket,id=vhostnet-socket,path=/[^,]+/guest.sock,reconnect=1 "
            + "-netdev vhost-user,id=vhostnet,chardev=vhostnet-socket -device virtio-net-pci,netdev=vhostnet$", args.Groups[1].Value);
        Assert.False(Directory.Exists(Path.GetDirectoryName(ControlOf(result.Error))));
    }

    /// <summary>While the program runs there is a daemon that answers; it ends with it, also when the tool is asked to end.</summary>
    [Fact]
    public async Task TheDaemonLivesAsLongAsQemu()
    {
        string qemu = await ProgramAsync("exec sleep 1000");
        await using ChildProcess run = await ChildProcess.StartAsync("vhostnetctl run", ProgramsUnderTest.Tool, ["run", "--uplink", "null", "--queue-pairs", "2", "--", qemu]);
        string control = (await run.Output.WaitForAsync("--socket (\\S+) status", s_timeout)).Groups[1].Value;
        ToolResult status = await ProgramsUnderTest.RunAsync("--socket", control, "port", "guest", "--json");
        Assert.Contains("\"queuePairs\": 2", status.Output, StringComparison.Ordinal);
        Assert.Equal("700", Convert.ToString((int)File.GetUnixFileMode(Path.GetDirectoryName(control)!), 8));
        Assert.Equal(128 + SIGTERM, await run.TerminateAsync());
        Assert.False(Directory.Exists(Path.GetDirectoryName(control)));
    }

    [Theory]
    [InlineData(2, "--uplink", "tpa:x", "\"tpa\" is unknown")]
    [InlineData(2, "--queue-pairs", "0", "a whole number from 1 to 128 is expected")]
    public async Task WhatTheDaemonRefusesStartsNoQemu(int status, string option, string value, string expected)
    {
        string qemu = await ProgramAsync("echo started");
        ToolResult result = await ProgramsUnderTest.RunAsync("run", option, value, "--", qemu);
        Assert.Equal(status, result.Status);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("started", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsNoQemuIsRefused()
    {
        ToolResult result = await ProgramsUnderTest.RunAsync("run", "--", "true");
        Assert.Equal(2, result.Status);
        Assert.Contains("it does not say that it is a QEMU", result.Error, StringComparison.Ordinal);
        Assert.Equal(3, (await ProgramsUnderTest.RunAsync("run", "--", "/nonexistent/qemu")).Status);
    }

    /// <summary>A real guest gets an address and an answer.</summary>
    [Fact]
    public async Task AGuestGetsANetwork()
    {
        string image = await Repository.GuestAsync();
        string agentPath = _directory.File("agent");
        using var agent = new UnixLine("agent", agentPath);
        await using ChildProcess run = await ChildProcess.StartAsync(
            "vhostnetctl run",
            ProgramsUnderTest.Tool,
            [
                "run", "--uplink", "responder", "--", "qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-m", "256M",
                "-kernel", Path.Combine(image, "vmlinuz"), "-initrd", Path.Combine(image, "initrd"), "-append", "console=ttyS0 panic=-1 quiet", "-no-reboot",
                "-chardev", "stdio,id=console", "-serial", "chardev:console", "-chardev", $"socket,id=agent,path={agentPath}", "-serial", "chardev:agent",
            ]);
        Task accepted = agent.AcceptAsync(QemuGuest.BootLimit);
        Assert.True(await Task.WhenAny(accepted, run.Exited) == accepted, run.Output.ToString());
        await accepted;
        await agent.Output.WaitForAsync("@ready", QemuGuest.BootLimit);
        await agent.SendAsync("1 ip link set eth0 up && udhcpc -i eth0 -n -q -f && ping -c 2 10.0.2.2\n");
        string answer = (await agent.Output.WaitForAsync(new Regex("@begin 1\n(.*)@end 1 ([0-9]+)\n", RegexOptions.Singleline), 0, s_timeout)).Value;
        Assert.Contains("2 packets received", answer, StringComparison.Ordinal);
        Assert.EndsWith("@end 1 0\n", answer, StringComparison.Ordinal);
        string control = ControlOf(run.Output.ToString());
        ToolResult port = await ProgramsUnderTest.RunAsync("--socket", control, "port", "guest");
        Assert.Matches(@"session +front end is process \d+; 1 so far", port.Output);
        await run.TerminateAsync();
        Assert.False(Directory.Exists(Path.GetDirectoryName(control)));
    }

    private static string ControlOf(string said) => Regex.Match(said, "--socket (\\S+) status").Groups[1].Value;

    private async Task<string> ProgramAsync(string body)
    {
        string path = _directory.File("qemu-system-x86_64");
        await File.WriteAllTextAsync(path, $"#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'QEMU emulator version 7.2.1'; exit; fi\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
