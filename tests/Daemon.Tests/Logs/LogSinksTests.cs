using System.Diagnostics;
using Serilog.Events;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Logs;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Logs;

/// <summary>Each place that lines go to has a queue and a thread of its own: none waits for another, what is lost is counted, and the end has a limit.</summary>
public sealed class LogSinksTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);
    private readonly TestDirectory _directory = new();
    private readonly StubWriter _stderr = new();

    private string File => _directory.File("log");

    public void Dispose()
    {
        _stderr.Gate.Set();
        _directory.Dispose();
    }

    [Fact]
    public void AStderrThatNobodyReadsKeepsNeitherTheFileNorWhoeverLogs()
    {
        LogSinks log = Open();
        log.Release();
        _stderr.Gate.Reset();
        for (int i = 0; i < SinkThread.QueueLength + 11; i++)
        {
            log.Logger.Information("line {Number}", i);
            Assert.True(i != 0 || _stderr.Stands.Wait(s_timeout));

            // The file's own queue must not be what is full: every line has to get there.
            Assert.True(i % 1000 != 999 || SpinWait.SpinUntil(() => System.IO.File.ReadAllText(File).Contains($"line {i}\n", StringComparison.Ordinal), s_timeout));
        }

        // One line stands in the write, as many as the queue has room for wait.
        Assert.Equal(10, log.All.Single(s => s.Name == "stderr").Lost);
        var time = Stopwatch.StartNew();
        log.End();
        Assert.InRange(time.Elapsed, TimeSpan.Zero, LogSinks.EndLimit * 4);
        Assert.Equal(0, log.All.Single(s => s.Name == "file").Lost);
        Assert.Equal(SinkThread.QueueLength + 11, System.IO.File.ReadLines(File).Count());
    }

    [Fact]
    public void WhatCannotBeWrittenIsCounted()
    {
        LogSinks log = Open();
        log.Release();
        _stderr.Succeeds = false;
        log.Logger.Information("one");
        log.Logger.Information("two");
        log.End();
        Assert.Equal(2, log.All.Single(s => s.Name == "stderr").Lost);
        log.Logger.Information("three, after the end");
        Assert.Equal([3L, 1L], log.All.Select(s => s.Lost));
    }

    [Fact]
    public void LinesInFrontOfARefusalAreInTheFileOnly()
    {
        LogSinks log = Open();
        log.Logger.Information("on the way up");
        log.Refuse();
        log.End();
        Assert.Empty(_stderr.Lines);
        Assert.Contains("on the way up", System.IO.File.ReadAllText(File), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(LogEventLevel.Information, true)]
    [InlineData(LogEventLevel.Debug, false)]
    public void LinesWaitUntilTheDaemonIsReadyUnlessSomebodyLooksClosely(LogEventLevel level, bool held)
    {
        LogSinks log = Open(new LogOptions { Level = level });
        log.Logger.Information("on the way up");
        if (held)
        {
            Assert.Empty(_stderr.Lines);
            log.Release();
        }

        Assert.True(SpinWait.SpinUntil(() => _stderr.Lines.Count == 1, s_timeout));
        log.End();
    }

    /// <summary>An end that comes before the daemon is ready is no refusal.</summary>
    [Fact]
    public void TheEndLetsHeldLinesGo()
    {
        LogSinks log = Open();
        log.Logger.Information("on the way up");
        log.End();
        Assert.Equal(["on the way up"], _stderr.Lines);
    }

    [Fact]
    public void LevelsCanBeChanged()
    {
        LogSinks log = Open(new LogOptions { Sources = new Dictionary<string, LogEventLevel> { ["A"] = LogEventLevel.Error } });
        log.Release();
        Serilog.ILogger own = log.Logger.ForContext(Serilog.Core.Constants.SourceContextPropertyName, "A");
        Assert.False(own.IsEnabled(LogEventLevel.Warning));
        Assert.Equal(["B"], log.SetLevels(new LogOptions { Level = LogEventLevel.Debug, Sources = new Dictionary<string, LogEventLevel> { ["B"] = LogEventLevel.Error } }));
        Assert.True(own.IsEnabled(LogEventLevel.Debug));
        Assert.True(log.Logger.IsEnabled(LogEventLevel.Debug));
        Assert.False(log.Logger.ForContext(Serilog.Core.Constants.SourceContextPropertyName, "Microsoft.Hosting").IsEnabled(LogEventLevel.Information));
        log.End();
    }

    private LogSinks Open(LogOptions? options = null) => LogSinks.Open((options ?? new LogOptions()) with { File = File }, _stderr);
}
