using System.Text.Json;
using System.Text.RegularExpressions;
using VhostNet.Daemon.Tests.Process;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Process;

/// <summary><c>vhostnetctl top</c> against a daemon, once, and on a terminal that tmux plays.</summary>
public sealed class TopProcessTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    /// <summary>A guest sends all the time: its queue's share of the thread, its bursts and its ring are seen.</summary>
    [Fact]
    public async Task OnceIsOneInterval()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        using var guest = new LiveGuest(daemon.Directory.File("vm0.sock"), 1);
        using var over = new CancellationTokenSource();
        Task sender = Task.Run(() =>
        {
            for (int n = 0; !over.IsCancellationRequested; n += 32)
            {
                guest.Send(9, n, 32);
            }
        });
        JsonElement top = await daemon.JsonAsync("top", "--once");
        string text = await daemon.OkAsync("top", "--once", "--interval", "0.3");
        await over.CancelAsync();
        await sender;

        JsonElement queue = Row(top, "vm0", "0tx");
        Assert.True(queue.GetProperty("framesInPerSecond").GetDouble() > 1000, top.ToString());
        Assert.InRange(queue.GetProperty("framesPerBurst").GetDouble(), 1, 64);
        Assert.InRange(queue.GetProperty("busy").GetDouble(), 0.0001, 1);
        Assert.InRange(Row(top, "vm0", "0rx").GetProperty("fill").GetDouble(), 0, 1);
        JsonElement thread = Assert.Single(top.GetProperty("threads").EnumerateArray());
        double busy = thread.GetProperty("busy").GetDouble();
        Assert.InRange(busy, 0.0001, 1);
        Assert.InRange(thread.GetProperty("queues").GetProperty("vm0.0tx").GetDouble(), 0.0001, busy + 0.1);
        Assert.InRange(Row(top, "source", null).GetProperty("framesInPerSecond").GetDouble(), 1, 5000);
        Assert.Matches(@"(?m)^THREAD +BUSY%", text);
        Assert.Matches(@"(?m)^  0tx +", text);
        Assert.DoesNotContain('\x1b', text);

        (string port, JsonElement status) = ("vm0", await daemon.JsonAsync("status"));
        Assert.True(status.GetProperty("networks")[0].GetProperty("flooded").GetInt64() > 0, port);
        guest.Dispose();
        await UntilAsync(async () => (await daemon.OkAsync("port", "vm0", "--json")).Contains("\"front_end\": 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ATerminalIsDrawnResizedAndGivenBack()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        string server = $"vhostnet-{Guid.NewGuid():N}"[..20];
        async Task<string> Tmux(params string[] arguments) => await ChildProcess.RunAsync("tmux", ["-L", server, "-f", "/dev/null", .. arguments]);
        await Tmux("new-session", "-d", "-x", "80", "-y", "24", $"'{ProgramsUnderTest.Tool}' --socket '{daemon.Control}' top -i 0.3; stty -a; echo 'status '$?; exec cat");
        try
        {
            async Task<string> Until(string pattern)
            {
                string screen = string.Empty;
                using var limit = new CancellationTokenSource(s_timeout);
                while (!Regex.IsMatch(screen, pattern, RegexOptions.Multiline))
                {
                    Assert.False(limit.IsCancellationRequested, $"{pattern} does not appear:\n{screen}");
                    screen = await Tmux("capture-pane", "-p");
                }

                return screen;
            }

            string first = await Until(@"^source +[1-9]");
            Assert.Contains("q quit  s sort:in", first, StringComparison.Ordinal);
            Assert.DoesNotContain("KIND/THREAD", first, StringComparison.Ordinal);
            await Tmux("send-keys", "s");
            await Until("sort:out");
            await Tmux("send-keys", "/", "sou", "Enter");
            string filtered = await Until("filter:sou");
            Assert.DoesNotContain("sink", filtered, StringComparison.Ordinal);
            await Tmux("resize-window", "-x", "140", "-y", "30");
            string wide = await Until("KIND/THREAD");
            Assert.Equal(30, wide.TrimEnd('\n').Split('\n').Length);
            await Tmux("send-keys", "q");
            string left = await Until(@"^status 0");
            Assert.Matches(@" icanon.* echo ", left.Replace('\n', ' '));
        }
        finally
        {
            await Tmux("kill-server");
        }
    }

    [Theory]
    [InlineData("top is for terminals; --once shows one interval anywhere", "top")]
    [InlineData("a number from 0.1 to 3600 is expected", "top", "--once", "--interval", "0")]
    public async Task WhatCannotBeShownIsRefused(string expected, params string[] arguments)
    {
        ToolResult result = await ProgramsUnderTest.RunAsync(arguments);
        Assert.Equal(2, result.Status);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    private static JsonElement Row(JsonElement top, string port, string? queue) =>
        top.GetProperty("rows").EnumerateArray().Single(r => r.GetProperty("port").GetString() == port && r.GetProperty("queue").GetString() == queue);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(s_timeout);
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
        }
    }
}
