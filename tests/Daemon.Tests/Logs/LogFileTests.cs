using Serilog.Events;
using Serilog.Parsing;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Logs;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Logs;

/// <summary>A log file is begun anew when it is full or when it was moved away, and a disk that refuses is said once.</summary>
public sealed class LogFileTests : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly StepTime _time = new();
    private readonly List<string> _reports = [];

    private string Path => _directory.File("log");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void AFileThatWasMovedAwayIsBegunAnew()
    {
        using LogFile log = Open();
        Write(log, "one");
        File.Move(Path, Path + ".1");
        Write(log, "two");
        log.Reopen(Options);
        Assert.True(File.Exists(Path));
        Write(log, "three");
        Assert.Equal(["one", "two"], Read(Path + ".1"));
        Assert.Equal(["three"], Read(Path));
    }

    [Fact]
    public void AFileThatWasCutIsContinuedAtItsEnd()
    {
        using LogFile log = Open();
        Write(log, "one");
        File.WriteAllText(Path, string.Empty);
        Write(log, "two");
        Assert.Equal(["two"], Read(Path));
    }

    [Theory]
    [InlineData(1, new string[0])]
    [InlineData(3, new[] { "3", "2" })]
    public void AFullFileIsBegunAnewAndSomeAreKept(int kept, string[] expected)
    {
        using LogFile log = Open(Options with { FilesKept = kept });
        for (int i = 1; i <= 4; i++)
        {
            Write(log, i + new string('x', 600 * 1024));
        }

        Assert.Equal(["4"], Read(Path).Select(l => l[..1]));
        Assert.Equal(expected, Directory.GetFiles(_directory.Path).Where(f => f != Path).Order().Select(f => Read(f)[0][..1]));
    }

    [Fact]
    public void AnotherFileCanBeGivenAndNone()
    {
        using LogFile log = Open();
        log.Reopen(Options with { File = _directory.File("other") });
        Write(log, "one");
        log.Reopen(Options with { File = null });
        Write(log, "two");
        log.Reopen(Options);
        Write(log, "three");
        Assert.Equal(["one"], Read(_directory.File("other")));
        Assert.Equal(["three"], Read(Path));
    }

    [Fact]
    public void AFileThatCannotBeOpenedAnewGoesOn()
    {
        using LogFile log = Open();
        log.Reopen(Options with { File = _directory.File("absent/log") });
        Assert.Contains("can't be written: No such file or directory", Assert.Single(_reports), StringComparison.Ordinal);
        Write(log, "one");
        Assert.Equal(["one"], Read(Path));
    }

    [Fact]
    public void ADiskThatRefusesIsSaidOnceAMinuteAndTriedAgain()
    {
        string directory = _directory.File("sub");
        Directory.CreateDirectory(directory);
        using LogFile log = Open(Options with { File = System.IO.Path.Combine(directory, "log"), FilesKept = 1 });
        Write(log, new string('x', 600 * 1024));
        Directory.Delete(directory, recursive: true);
        for (int i = 0; i < 10; i++)
        {
            Assert.False(log.Write(Event(new string('x', 600 * 1024))));
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Contains("begun anew", Assert.Single(_reports), StringComparison.Ordinal);
        Directory.CreateDirectory(directory);
        Write(log, "back");
        Assert.Equal(["back"], Read(System.IO.Path.Combine(directory, "log")));
    }

    [Fact]
    public async Task APipeIsRefusedAndNotWaitedFor()
    {
        await ChildProcess.RunAsync("mkfifo", [Path]);
        Assert.Contains("is no regular file", Assert.Throws<RefusalException>(() => LogFile.Check(Path)).Message, StringComparison.Ordinal);
        Assert.Contains("is no regular file", Assert.Throws<RefusalException>(() => LogFile.Check("/dev/null")).Message, StringComparison.Ordinal);
    }

    private static LogEvent Event(string text) =>
        new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse(text), []);

    private static string[] Read(string path) => [.. File.ReadLines(path).Select(l => l[33..])];

    private static void Write(LogFile log, string text) => Assert.True(log.Write(Event(text)));

    private LogOptions Options => new() { File = Path, FileMegabytes = 1, FilesKept = 4 };

    private LogFile Open(LogOptions? options = null) => new(options ?? Options, new JournalFormatter(forJournal: false), _time, _reports.Add);
}
