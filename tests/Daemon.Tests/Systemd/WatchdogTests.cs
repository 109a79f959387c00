using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VhostNet.Aio;
using VhostNet.Daemon.Systemd;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Systemd;

/// <summary>The watchdog, stepped: the test says what time it is and how the loops are.</summary>
public sealed class WatchdogTests : IDisposable
{
    private const long Second = 1_000_000_000;
    private const long HalfIntervalNs = Second / 2;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly TestDirectory _directory = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly FakeLoop _control = new() { Sleeps = true };
    private readonly FakeLoop _data = new();
    private readonly ServiceNotifier _notifier;
    private readonly Watchdog _watchdog;
    private bool _hasFrontEnds;
    private int _freed;
    private long _now;

    public WatchdogTests()
    {
        string path = _directory.File("notify");
        _manager.Bind(new UnixDomainSocketEndPoint(path));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "1000000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID", $"{Environment.ProcessId}");
        _notifier = ServiceNotifier.FromEnvironment();
        _watchdog = new Watchdog(_notifier, TimeProvider.System, NullLogger<Watchdog>.Instance) { HasFrontEnds = () => _hasFrontEnds, FreeWriters = () => _freed++ };
        _watchdog.Add("control", _control, carriesFrames: false);
        _watchdog.Add("io0", _data, carriesFrames: true);
    }

    public void Dispose()
    {
        _watchdog.Dispose();
        _notifier.Dispose();
        _manager.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void TheVariablesAreTakenOutOfTheEnvironment()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), _notifier.WatchdogInterval);
        Assert.Null(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));
        Assert.Null(Environment.GetEnvironmentVariable("WATCHDOG_USEC"));
    }

    [Fact]
    public void LoopsThatMoveKeepTheMessagesComing()
    {
        for (int i = 0; i < 3; i++)
        {
            Look(HalfIntervalNs);
            Assert.Equal("WATCHDOG=1", Receive());
            Assert.Empty(_watchdog.Stuck);
            Look(Watchdog.BusyPeriodNs);
            Assert.Equal(0, _manager.Available);
        }

        Assert.Equal(6, _freed);
    }

    [Theory]
    [InlineData("control")]
    [InlineData("io0")]
    public void ALoopThatStandsStillStopsTheMessagesAndIsNamed(string name)
    {
        Look(0);
        Assert.Equal("WATCHDOG=1", Receive());
        FakeLoop loop = name == "control" ? _control : _data;
        loop.Stands = true;
        Look(HalfIntervalNs);
        Assert.Equal("WATCHDOG=1", Receive());
        Look(2 * Second);
        Look(Second);
        StuckThread stuck = Assert.Single(_watchdog.Stuck);
        Assert.Equal((name, (7 * Second) / 2, "a timer of port vm0"), (stuck.Name, stuck.ForNs, stuck.Place));
        Assert.Matches(@"^\w+ for 3 s, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, in a timer of port vm0$", stuck.ToString());
        Assert.Equal((7 * Second) / 2, _watchdog.StuckForNs(name));
        Assert.Equal(0, _manager.Available);

        loop.Stands = false;
        Look(HalfIntervalNs);
        Assert.Equal("WATCHDOG=1", Receive());
        Assert.Empty(_watchdog.Stuck);
    }

    /// <summary>An idle daemon is not woken more often than the manager wants.</summary>
    [Fact]
    public void ItLooksAsRarelyAsItMay()
    {
        using Watchdog unwatched = new(Unwatched(), TimeProvider.System, NullLogger<Watchdog>.Instance);
        Assert.Equal(5 * Second, unwatched.PeriodNs);

        Look(0);
        Assert.Equal(HalfIntervalNs, _watchdog.PeriodNs);
        _hasFrontEnds = true;
        _data.Sleeps = true;
        Look(1);
        Look(1);
        Assert.Equal(Watchdog.ConnectedPeriodNs, _watchdog.PeriodNs);
        _data.Sleeps = false;
        Look(1);
        Look(1);
        Assert.Equal(Watchdog.BusyPeriodNs, _watchdog.PeriodNs);
        _hasFrontEnds = false;
        Look(1);
        Assert.Equal(HalfIntervalNs, _watchdog.PeriodNs);
    }

    [Fact]
    public void AThreadThatIsGoneIsNotLookedAt()
    {
        _data.Stands = true;
        _watchdog.Remove("io0");
        Assert.True(_data.HasEnded);
        Look(10 * Second);
        Assert.Equal("WATCHDOG=1", Receive());
    }

    /// <summary>The real thread, and a real loop that hangs: nobody but the watchdog's own thread is needed to find out.</summary>
    [Fact]
    public void AHungControlThreadIsFoundFromOutside()
    {
        using var control = new IoThread(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt });
        control.Start();
        using Watchdog watchdog = new(_notifier, TimeProvider.System, NullLogger<Watchdog>.Instance);
        watchdog.Add("control", new LoopWatch(control.Context), carriesFrames: false);
        using var stuck = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        control.Context.ScheduleOneShot(() =>
        {
            stuck.Set();
            release.Wait(s_timeout);
        });
        Assert.True(stuck.Wait(s_timeout));
        watchdog.Start();
        try
        {
            Assert.True(SpinWait.SpinUntil(() => watchdog.Stuck.Count == 1, s_timeout));
            Assert.Equal("control", watchdog.Stuck[0].Name);
        }
        finally
        {
            release.Set();
        }

        Assert.True(SpinWait.SpinUntil(() => watchdog.Stuck.Count == 0, s_timeout));
    }

    [Fact]
    public void MessagesAreOneLineEach()
    {
        _notifier.Ready("two\nlines");
        Assert.Equal("READY=1\nSTATUS=two lines", Receive());
        _notifier.Stopping();
        Assert.Equal("STOPPING=1\nSTATUS=Stopping", Receive());
    }

    private static ServiceNotifier Unwatched() => ServiceNotifier.FromEnvironment();

    private void Look(long afterNs)
    {
        _now += afterNs;
        _watchdog.Look(_now);
    }

    private string Receive()
    {
        byte[] buffer = new byte[256];
        _manager.ReceiveTimeout = (int)s_timeout.TotalMilliseconds;
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
