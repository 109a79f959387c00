using System.Diagnostics;
using System.Text.Json;
using VhostNet.Ctl.Top;

namespace VhostNet.Ctl.Tests.Top;

/// <summary>What is shown of two samples.</summary>
public sealed class TopTests
{
    private static readonly Sample s_before = At(0, Status(0));
    private static readonly Sample s_now = At(2, Status(1));

    [Fact]
    public void RatesAreThoseOfTheInterval()
    {
        IReadOnlyList<TopRow> rows = Rates.Ports(s_before, s_now, queues: true);
        TopRow port = rows[0];
        Assert.Equal(("vm0", "up", 500.0, 8 * 32000.0, 0.0), (port.Port, port.State, port.FramesIn, port.BitsIn, port.FramesOut));
        Assert.Equal((15.0, "no_buffers stale"), (port.Drops, port.Reasons));
        TopRow queue = rows.First(r => r.Queue == "0tx");
        Assert.Equal((500.0, 0.25, 20.0, 0.75), (queue.FramesIn, queue.Fill, queue.FramesPerBurst, queue.CallsAvoided));
        Assert.Equal(0.3, queue.Busy, 6);
        Assert.Equal(["vm0", "vm1"], rows.Where(r => r.Queue.Length == 0).Select(r => r.Port));
    }

    [Fact]
    public void AThreadsTimeIsSplitByQueue()
    {
        ThreadRow thread = Assert.Single(Rates.Threads(s_before, s_now));
        Assert.Equal((0.5, 3), (thread.Busy, thread.Gaps));
        Assert.Equal([("vm0.0tx", 0.3)], thread.Shares.Select(s => (s.Queue, Math.Round(s.Share, 6))));
    }

    /// <summary>A port that was made anew has smaller counters than before.</summary>
    [Fact]
    public void NoRateIsNegative() => Assert.All(Rates.Ports(s_now, s_before, queues: true), r => Assert.True(r is { FramesIn: >= 0, Drops: >= 0, FramesPerBurst: >= 0 }));

    [Theory]
    [InlineData(80, 24)]
    [InlineData(20, 6)]
    [InlineData(200, 10)]
    public void ThePictureFits(int width, int height)
    {
        foreach (bool queues in new[] { false, true })
        {
            var view = new TopView();
            Press(view, queues ? "t" : "");
            IReadOnlyList<string> lines = TopScreen.Lines(s_before, s_now, view, width, height, colour: false);
            Assert.Equal(height, lines.Count);
            Assert.All(lines, l => Assert.True(l.Length <= width, l));
        }
    }

    [Fact]
    public void ColoursAreLeftOutWhenNobodyWantsThem()
    {
        Assert.Contains(TopScreen.Lines(s_before, s_now, new TopView(), 80, 24, colour: true), l => l.Contains('\x1b', StringComparison.Ordinal));
        Assert.DoesNotContain(TopScreen.Lines(s_before, s_now, new TopView(), 80, 24, colour: false), l => l.Contains('\x1b', StringComparison.Ordinal));
    }

    [Fact]
    public void KeysSortFilterAndEnd()
    {
        IReadOnlyList<TopRow> rows = Rates.Ports(s_before, s_now, queues: false);
        var view = new TopView();
        Assert.Equal(["vm0", "vm1"], Arranged(view, rows));
        Press(view, "s");
        Assert.Equal(("out", "vm1"), (view.Order, Arranged(view, rows)[0]));
        Press(view, "/VM1\r");
        Assert.Equal(["vm1"], Arranged(view, rows));
        Press(view, "/vmx\u007f\r");
        Assert.Equal("vm", view.Filter);
        Press(view, "/x\x1b");
        Assert.Equal(string.Empty, view.Filter);
        Press(view, "\x1b[B\x1b[B\x1b[B\x1b[B");
        Assert.Equal(2, Arranged(view, rows).Count);
        Assert.Equal(1, view.Offset);
        Assert.False(view.IsOver);
        Press(view, "q");
        Assert.True(view.IsOver);
    }

    private static void Press(TopView view, string keys)
    {
        foreach (ConsoleKeyInfo key in Terminal.Decode(System.Text.Encoding.UTF8.GetBytes(keys)))
        {
            view.Press(key);
        }
    }

    private static List<string> Arranged(TopView view, IReadOnlyList<TopRow> rows) => [.. view.Arrange(rows).Select(r => r.Port)];

    private static Sample At(double seconds, string status)
    {
        using JsonDocument document = JsonDocument.Parse(status);
        return new Sample(document.RootElement.Clone(), (long)(seconds * Stopwatch.Frequency));
    }

    private static string Status(int n) => $$$"""
        {
          "version": "1", "uptimeSeconds": {{{n}}}, "stuck": [],
          "threads": [{"name": "io0", "poll": "busy", "busyNanoseconds": {{{n * 1_000_000_000}}}, "loops": {{{n * 100}}}, "sleeps": 0, "gaps": {{{n * 3}}} }],
          "ports": [
            {"name": "vm0", "kind": "vhost-user", "up": true, "sessions": 1, "session": {},
             "in": {"frames": {{{n * 1000}}}, "bytes": {{{n * 64000}}}, "drops": {"stale": {{{n * 10}}} } }, "out": {"frames": 0, "bytes": 0, "drops": {}},
             "rings": [
               {"queue": 0, "direction": "rx", "thread": "io0", "running": true, "enabled": true, "size": 256, "waiting": 256, "frames": 0, "bytes": 0, "drops": {}, "bursts": 0, "calls": 0, "callsSuppressed": 0, "busyNanoseconds": 0},
               {"queue": 0, "direction": "tx", "thread": "io0", "running": true, "enabled": true, "size": 256, "waiting": 64, "frames": {{{n * 1000}}}, "bytes": {{{n * 64000}}},
                "drops": {"no_buffers": {{{n * 20}}} }, "bursts": {{{n * 50}}}, "calls": {{{n}}}, "callsSuppressed": {{{n * 3}}}, "busyNanoseconds": {{{n * 600_000_000}}} }
             ]},
            {"name": "vm1", "kind": "null", "up": true, "sessions": 0, "in": {"frames": 0, "bytes": 0, "drops": {}}, "out": {"frames": {{{n * 1000}}}, "bytes": {{{n * 64000}}}, "drops": {} } }
          ]
        }
        """;
}
