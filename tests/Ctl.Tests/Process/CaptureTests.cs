using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Process;

/// <summary>Captures that are streamed over the control socket.</summary>
public sealed class CaptureTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task AFileIsWhatTcpdumpReads()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string file = daemon.Directory.File("a.pcap");
        ToolResult result = await daemon.CtlAsync("capture", "source", "-w", file, "--frames", "20");
        Assert.Equal((0, $"vhostnetctl: 20 frames of port source are in {file}\n"), (result.Status, result.Error));
        Assert.Equal(20, (await ReadAsync(file)).Length);
        Assert.Equal("frame limit", (await CaptureAsync(daemon)).GetProperty("ended").GetString());
    }

    [Fact]
    public async Task APipeIsWhatTcpdumpReads()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string script = $"'{ProgramsUnderTest.Tool}' --socket '{daemon.Control}' capture source -w - --frames 5 | tcpdump -nn -r - 2>/dev/null | wc -l";
        Assert.Contains("5\n", await ChildProcess.RunAsync("bash", ["-c", script]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutAFileFramesAreLines()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string[] lines = (await daemon.OkAsync("capture", "source", "--frames", "3")).TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(lines, l => Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{6} 02:76:6e:00:00:01 > 02:00:00:00:00:07 UDP 198\.18\.0\.1:9 > 198\.19\.0\.1:9, 128 bytes$", l));
        string json = (await daemon.OkAsync("capture", "source", "--frames", "1", "--json")).TrimEnd();
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal(128, document.RootElement.GetProperty("bytes").GetString()!.Length / 2);
    }

    /// <summary>Ctrl-C, or SIGTERM, which is never ignored by inheritance, gives whole records.</summary>
    [Fact]
    public async Task AnInterruptEndsItWithAWholeRecord()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string file = daemon.Directory.File("a.pcap");
        await using ChildProcess process = await ChildProcess.StartAsync("capture", ProgramsUnderTest.Tool, ["--socket", daemon.Control, "capture", "source", "-w", file]);
        await UntilAsync(() => File.Exists(file) && new FileInfo(file).Length > 1000);
        process.Signal(SIGTERM);
        Assert.Equal(0, await process.WaitForExitAsync(s_timeout));
        int frames = (await ReadAsync(file)).Length;
        Assert.Contains($"{frames} frames of port source are in", process.Output.ToString(), StringComparison.Ordinal);
        Assert.Equal("asked for", (await CaptureAsync(daemon)).GetProperty("ended").GetString());
    }

    /// <summary>Whoever reads is killed, also on a port without any frame: the daemon notices, and the port can be captured again.</summary>
    [Theory]
    [InlineData("source")]
    [InlineData("vm0")]
    public async Task AReaderThatIsGoneEndsTheCapture(string port)
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        await using (ChildProcess process = await ChildProcess.StartAsync("capture", ProgramsUnderTest.Tool, ["--socket", daemon.Control, "capture", port, "-w", daemon.Directory.File("a.pcap")]))
        {
            await UntilAsync(async () => (await daemon.CtlAsync("port", port, "--json")).Output.Contains("\"capture\"", StringComparison.Ordinal));
            ToolResult second = await daemon.CtlAsync("capture", port, "--frames", "1");
            Assert.Equal(4, second.Status);
            Assert.Contains("is being captured to stream of port", second.Error, StringComparison.Ordinal);
            await process.KillAsync();
        }

        await UntilAsync(async () => (await CaptureAsync(daemon, port)).GetProperty("running").GetBoolean() is false);
        Assert.Contains("left", (await CaptureAsync(daemon, port)).GetProperty("ended").GetString()! + (await CaptureAsync(daemon, port)).GetProperty("ended").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await daemon.CtlAsync("capture", "source", "--seconds", "1")).Status);
    }

    /// <summary>A reader that takes nothing costs frames, and neither the port nor the daemon's end.</summary>
    [Fact]
    public async Task AReaderThatStopsKeepsNobody()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        await using ChildProcess process = await ChildProcess.StartAsync("capture", ProgramsUnderTest.Tool, ["--socket", daemon.Control, "capture", "source", "-w", daemon.Directory.File("a.pcap")]);
        await UntilAsync(async () => (await daemon.CtlAsync("port", "source", "--json")).Output.Contains("\"capture\"", StringComparison.Ordinal));
        process.Signal(SIGSTOP);
        string file = daemon.Directory.File("b.pcap");
        Assert.Equal(0, (await daemon.CtlAsync("capture", "sink", "-w", file, "--frames", "5")).Status);
        Assert.Equal(0, (await daemon.CtlAsync("status")).Status);
        using (var client = new Ctl.Client.ControlClient(daemon.Control))
        {
            client.Send("DELETE", "/ports/source/capture");
        }

        Assert.Equal(0, await daemon.Process.Process.TerminateAsync());
    }

    private static async Task<JsonElement> CaptureAsync(RunningDaemon daemon, string port = "source") => (await daemon.JsonAsync("port", port)).GetProperty("capture");

    private static async Task<string[]> ReadAsync(string file) =>
        (await ChildProcess.RunAsync("tcpdump", ["-nn", "-r", file])).Split('\n').Where(l => l.Contains("UDP", StringComparison.Ordinal)).ToArray();

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(s_timeout);
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
