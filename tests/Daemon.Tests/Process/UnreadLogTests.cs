using System.Diagnostics;
using System.Net;
using VhostNet.Daemon.Tests.Metrics;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>A parent that never reads its end of stderr's pipe.</summary>
public sealed class UnreadLogTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>Sizes of the pipe: the smallest, and the one that the kernel gives.</summary>
    [Theory]
    [InlineData(4096)]
    [InlineData(65536)]
    public async Task TheLogFileGoesOnAndTheEndComesInTime(int size)
    {
        string control = _directory.File("control.sock");
        string log = _directory.File("log");
        string config = _directory.File("config.json");
        string fifo = _directory.File("stderr");
        await File.WriteAllTextAsync(config, $$"""{"control": {"path": "{{control}}"}, "ports": [{"name": "a", "kind": "null"}], "log": {"file": "{{log}}"} }""");
        await ChildProcess.RunAsync("mkfifo", [fifo]);
        await using FileStream reader = new(fifo, FileMode.Open, FileAccess.ReadWrite);
        Assert.True(fcntl(reader.SafeFileHandle.DangerousGetHandle().ToInt32(), F_SETPIPE_SZ, size) >= size);
        using var notify = new NotifySocket("sd_notify", _directory.File("notify"));
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd", "sh", ["-c", "exec \"$0\" \"$@\" 2>\"$ERR\"", Repository.Daemon, "--config", config],
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = notify.Path, ["ERR"] = fifo });
        await notify.Output.WaitForAsync("^READY=1$", s_timeout);

        using var client = new ControlClient(control);
        int lines = 2 * size / 60;
        for (int i = 0; i < lines; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(HttpMethod.Patch, "/ports/a", $$$$"""{"limits": {"in": {"framesPerSecond": {{{{i + 1}}}}}}}""")).Status);
        }

        bool all = await Task.Run(() => SpinWait.SpinUntil(
            () => File.ReadLines(log).Count(l => l.EndsWith("ports.a was changed over the control API", StringComparison.Ordinal)) == lines, s_timeout));
        Assert.True(all, $"the log file has {new FileInfo(log).Length} bytes");
        Assert.InRange(new FileInfo(log).Length, 2L * size, long.MaxValue);
        IReadOnlyDictionary<string, double> metrics = PrometheusGrammar.Check((await client.GetAsync("/metrics")).Body);
        Assert.Equal(0, metrics["vhostnet_log_lost_total{sink=\"file\"}"]);
        Assert.True(metrics.ContainsKey("vhostnet_log_lost_total{sink=\"stderr\"}"));

        var time = Stopwatch.StartNew();
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(2), $"it took {time.Elapsed}");
    }
}
