using VhostNet.Aio;
using VhostNet.Aio.Monitors;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.TestKit;

/// <summary>A back end with one device on a control thread of its own, and front ends connected to it, all in this process.</summary>
public sealed class SessionHarness : IDisposable
{
    private readonly IoThread _control;
    private readonly SessionHarness? _host;
    private Exception? _failure;

    /// <param name="device">The device; null for a new one.</param>
    /// <param name="options">How sessions behave.</param>
    /// <param name="host">Another back end whose control thread this one shares; null for a thread of its own.</param>
    public SessionHarness(EchoDevice? device = null, SessionOptions? options = null, SessionHarness? host = null)
    {
        Device = device ?? new EchoDevice();
        Options = (options ?? new SessionOptions()) with { Log = Log };
        _host = host;
        _control = host?._control ?? new IoThread(new IoThreadOptions
        {
            Name = "control",
            Policy = PollPolicy.Interrupt,

            // Not the automatic choice, whose change from poll to epoll would look like a lost descriptor.
            Context = new AioContextOptions { Name = "control", FdMonitor = FdMonitorKind.Epoll },
            UnhandledException = e => _failure ??= e,
        });
        if (host is null)
        {
            _control.Start();
        }
    }

    public EchoDevice Device { get; }

    public SessionOptions Options { get; }

    public SessionLog Log { get; } = new();

    /// <summary>What escaped to the control loop; nothing ever should.</summary>
    public Exception? Failure => _host?.Failure ?? _failure;

    public AioContext Context => _control.Context;

    /// <summary>The session that was started last.</summary>
    public VhostUserSession? Session { get; private set; }

    /// <summary>Connects a front end over a socket pair; nothing is sent yet.</summary>
    public VhostUserFrontend Connect(FrontendOptions? options = null) => new(ConnectSocket(), options);

    /// <summary>Starts a session and gives the front end's end of its socket.</summary>
    public FileDescriptor ConnectSocket()
    {
        (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
        _control.Run(() =>
        {
            Session = new VhostUserSession(_control.Context, theirs, Device, "test", Options);
            Session.Start();
        });
        return ours;
    }

    /// <summary>Connects a front end that has negotiated and shared memory.</summary>
    public VhostUserFrontend Open(GuestMemory memory, ulong features, FrontendOptions? options = null)
    {
        VhostUserFrontend frontend = Connect((options ?? new FrontendOptions()) with { Features = features });
        frontend.Negotiate();
        frontend.ShareMemory(memory);
        return frontend;
    }

    public void OnControl(Action action) => _control.Run(action);

    /// <summary>Waits until the session is over and its resources are given back.</summary>
    public bool WaitForEnd(TimeSpan timeout)
    {
        using var ended = new ManualResetEventSlim();
        _control.Run(() =>
        {
            if (Session is null or { IsEnded: true })
            {
                ended.Set();
            }
            else
            {
                Session.Ended += _ => ended.Set();
            }
        });
        return ended.Wait(timeout);
    }

    public void Dispose()
    {
        _control.Run(() => Session?.Dispose());
        if (_host is null)
        {
            _control.Dispose();
        }

        Device.Dispose();
    }
}
