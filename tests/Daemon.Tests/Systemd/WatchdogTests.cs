using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VhostNet.Aio;
using VhostNet.Daemon.Systemd;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Systemd;

public sealed class WatchdogTests : IDisposable
{
    private const long HalfIntervalNs = 500_000_000;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly TestDirectory _directory = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly AioClock _clock = AioClock.CreateVirtual();
    private readonly AioContext _control = new();
    private readonly IoThread _data = new(new IoThreadOptions { Name = "io0", Policy = PollPolicy.Interrupt });
    private readonly ServiceNotifier _notifier;
    private readonly Watchdog _watchdog;

    public WatchdogTests()
    {
        string path = _directory.File("notify");
        _manager.Bind(new UnixDomainSocketEndPoint(path));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "1000000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID", $"{Environment.ProcessId}");
        _notifier = ServiceNotifier.FromEnvironment();
        _watchdog = new Watchdog(_control, _clock, _notifier, NullLogger<Watchdog>.Instance);
        _data.Start();
    }

    public void Dispose()
    {
        _watchdog.Dispose();
        _data.Dispose();
        _control.Dispose();
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
    public void ALivelyLoopKeepsTheMessagesComing()
    {
        _watchdog.Add(_data);
        _watchdog.Start();
        Assert.Equal("WATCHDOG=1", Receive());
        for (int i = 0; i < 3; i++)
        {
            Answer();
            Tick();
            Assert.Equal("WATCHDOG=1", Receive());
            Assert.Empty(_watchdog.StuckThreads);
        }
    }

    [Fact]
    public void AStuckLoopStopsTheMessages()
    {
        using var stuck = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        _data.Context.ScheduleOneShot(() =>
        {
            stuck.Set();
            release.Wait(s_timeout);
        });
        Assert.True(stuck.Wait(s_timeout));
        _watchdog.Add(_data);
        _watchdog.Start();
        Assert.Equal("WATCHDOG=1", Receive());

        Tick();
        Tick();
        Assert.Equal("io0", _watchdog.StuckThreads);
        Assert.Equal(0, _manager.Available);

        release.Set();
        Answer();
        Tick();
        Assert.Equal("WATCHDOG=1", Receive());
        Assert.Empty(_watchdog.StuckThreads);
    }

    [Fact]
    public void AThreadThatIsGoneIsNotWaitedFor()
    {
        _watchdog.Add(_data);
        _watchdog.Remove(_data);
        _watchdog.Start();
        Assert.Equal("WATCHDOG=1", Receive());
        Tick();
        Assert.Equal("WATCHDOG=1", Receive());
    }

    [Fact]
    public void MessagesAreOneLineEach()
    {
        _notifier.Ready("two\nlines");
        Assert.Equal("READY=1\nSTATUS=two lines", Receive());
        _notifier.Stopping();
        Assert.Equal("STOPPING=1\nSTATUS=Stopping", Receive());
    }

    // The bottom half that the watchdog asked for runs before this one, which was scheduled later.
    private void Answer() => _data.Run(() => { });

    private void Tick()
    {
        _clock.Advance(HalfIntervalNs);
        _control.Poll(blocking: false);
    }

    private string Receive()
    {
        byte[] buffer = new byte[256];
        _manager.ReceiveTimeout = (int)s_timeout.TotalMilliseconds;
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
