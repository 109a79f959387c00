using VhostNet.TestKit;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz;

/// <summary>A back end with one device, and front ends connected to it, all on the thread of one loop.</summary>
internal sealed class InlineBackend : IDisposable
{
    private readonly Loop _loop;

    public InlineBackend(Loop loop, EchoDevice device, SessionOptions options)
    {
        _loop = loop;
        Device = device;
        Options = options with { Log = Log };
    }

    public EchoDevice Device { get; }

    public SessionOptions Options { get; }

    public SessionLog Log { get; } = new();

    /// <summary>The session that was started last.</summary>
    public VhostUserSession? Session { get; private set; }

    /// <summary>Connects a front end over a socket pair; nothing is sent yet.</summary>
    public VhostUserFrontend Connect(FrontendOptions options)
    {
        (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
        Session = new VhostUserSession(_loop.Thread.Context, theirs, Device, "test", Options);
        Session.Start();
        return new VhostUserFrontend(ours, options with { Progress = _loop.Step });
    }

    /// <summary>Runs the loop until the session is over; false when it is not when there is nothing left to do.</summary>
    public bool WaitForEnd()
    {
        while (Session is { IsEnded: false })
        {
            if (!_loop.Step())
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose()
    {
        Session?.Dispose();
        Device.Dispose();
    }
}
