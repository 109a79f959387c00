using Microsoft.Extensions.Logging.Abstractions;
using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Daemon.Hosting;
using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Tests.Hosting;

/// <summary>An exception in a callback of a guest's port ends its session and nothing else.</summary>
public sealed class PortFaultsTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly TestDirectory _directory = new();
    private readonly IoThread _control = new(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt });
    private readonly IoThread _data = new(new IoThreadOptions { Name = "io0", Policy = PollPolicy.Interrupt });
    private readonly FailingLog _log = new();
    private readonly VhostUserPort _port;
    private readonly VhostUserEndpoint _endpoint;
    private readonly PortFaults _faults;

    public PortFaultsTests()
    {
        _control.Start();
        _data.Start();
        _port = new VhostUserPort("vm0", new VirtioNetOptions(), [_data]);
        _faults = new PortFaults("vm0", _control.Context, NullLogger.Instance);
        using FaultScope scope = FaultScope.Enter(_faults);
        _endpoint = VhostUserEndpoint.Create(_control.Context, _port.Device, new VhostUserEndpointOptions
        {
            Name = "vm0",
            Path = _directory.File("vm0.sock"),
            Session = new SessionOptions { Log = _log },
        });
        _control.Run(() =>
        {
            _faults.Watch(_port);
            _faults.Watch(_endpoint);
            _endpoint.Start();
        });
    }

    public void Dispose()
    {
        _control.Run(() =>
        {
            _endpoint.Dispose();
            _port.Dispose();
        });
        _data.Dispose();
        _control.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFaultEndsTheSessionAndTheNextFrontEndIsServed(bool onControl)
    {
        using (VhostUserFrontend frontend = Connect())
        {
            (onControl ? _control : _data).Run(() => _faults.Fault("handler of descriptor 7", new InvalidDataException("It was odd.")));
            _control.Run(() => Assert.Null(_endpoint.CurrentSession));
            Assert.ThrowsAny<VhostUserFrontendException>(() => frontend.GetFeatures());
            Assert.Equal((1, "handler of descriptor 7 failed with InvalidDataException: It was odd"), (_faults.Count, _faults.Reason));
        }

        using VhostUserFrontend next = Connect();
        Assert.Null(_faults.Reason);
        Assert.Equal(1, _faults.Count);
    }

    /// <summary>The loop gives an exception of a session's handler to whoever answers for it.</summary>
    [Fact]
    public void AnExceptionInAHandlerOfASessionEndsThatSession()
    {
        using (VhostUserFrontend frontend = Connect())
        {
            _log.FailOnce();
            Assert.ThrowsAny<VhostUserFrontendException>(() => frontend.GetFeatures());
            _control.Run(() => Assert.Null(_endpoint.CurrentSession));
            Assert.Equal(1, _faults.Count);
            Assert.Contains("NotSupportedException: as planned", _faults.Reason, StringComparison.Ordinal);
        }

        using VhostUserFrontend next = Connect();
        Assert.Null(_faults.Reason);
    }

    /// <summary>The port's own callbacks are the port's; its session can't go on without it.</summary>
    [Fact]
    public void AFaultOfThePortEndsItsSession()
    {
        using VhostUserFrontend frontend = Connect();
        _data.Run(() => _port.Fault("transmit queue 0", new InvalidDataException("odd")));
        _control.Run(() => Assert.Null(_endpoint.CurrentSession));
        Assert.Equal((1, "transmit queue 0: InvalidDataException: odd"), (_faults.Count, _faults.Reason));
    }

    [Fact]
    public void ASessionThatCantBeEndedTakesItsEndpointDown()
    {
        using VhostUserFrontend frontend = Connect();
        _control.Run(() =>
        {
            _endpoint.SessionEnded += _ => throw new InvalidDataException("can't be ended");
            _faults.Fault("timer", new InvalidDataException("first"));
        });
        Assert.False(File.Exists(_directory.File("vm0.sock")));
    }

    /// <summary>A handler that throws at each pass of the loop does so a few times only.</summary>
    [Fact]
    public void FailuresWithoutASessionInBetweenEnd()
    {
        for (int i = 0; i < PortFaults.InARowMax; i++)
        {
            _control.Run(() => _faults.Fault("listener", new InvalidDataException("again")));
        }

        using (Connect())
        {
            Assert.True(File.Exists(_directory.File("vm0.sock")));
        }

        for (int i = 0; i <= PortFaults.InARowMax; i++)
        {
            Assert.True(File.Exists(_directory.File("vm0.sock")));
            _control.Run(() => _faults.Fault("listener", new InvalidDataException("again")));
        }

        Assert.False(File.Exists(_directory.File("vm0.sock")));
    }

    private sealed class FailingLog : ISessionLog
    {
        private int _fails;

        /// <summary>Has the next line fail.</summary>
        public void FailOnce() => Volatile.Write(ref _fails, 1);

        public bool IsEnabled(SessionLogLevel level) => true;

        public void Write(SessionLogLevel level, string connection, string message)
        {
            if (Interlocked.Exchange(ref _fails, 0) != 0)
            {
                throw new NotSupportedException("as planned");
            }
        }
    }

    private VhostUserFrontend Connect()
    {
        VhostUserFrontend frontend = VhostUserFrontend.Connect(_directory.File("vm0.sock"), new FrontendOptions(), s_timeout);
        frontend.Negotiate();
        return frontend;
    }
}
