using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Fuzz;

/// <summary>A back end with one device, and front ends connected to it, all on the thread of one loop.</summary>
internal sealed class InlineBackend : IDisposable
{
    private const int FilesMax = 32;

    private readonly Loop _loop;
    private readonly FdCollection _files = new();
    private bool _isTorn;

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
    /// <param name="options">What it asks for.</param>
    /// <param name="direct">Whole messages are handed to the session without the socket; what it answers comes over it. Nor does it look at our mappings, for which another thread needs as long as a case takes.</param>
    public VhostUserFrontend Connect(FrontendOptions options, bool direct = false)
    {
        _isTorn = false;
        (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
        Session = new VhostUserSession(_loop.Thread.Context, theirs, Device, "test", Options with { LooksForPrivateMemory = !direct });
        Session.Start();
        return new VhostUserFrontend(ours, options with { Progress = _loop.Step, Deliver = direct ? Deliver : null });
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

    /// <summary>What the channel would do with a message that is there as a whole. Once something else was sent, all that follows has to go the same way.</summary>
    private bool Deliver(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> files)
    {
        _isTorn |= bytes.Length < MessageHeader.Size || files.Length > FilesMax || Wire.Read<MessageHeader>(bytes).PayloadSize != bytes.Length - MessageHeader.Size
            || Wire.Read<MessageHeader>(bytes).PayloadSize > MessageHeader.PayloadSizeMax || (Wire.Read<MessageHeader>(bytes).Flags & MessageHeader.VersionMask) != MessageHeader.Version;
        if (_isTorn)
        {
            return false;
        }

        if (Session is not { IsEnded: false } session)
        {
            throw new VhostUserFrontendException(FrontendError.Closed, "the session is over");
        }

        foreach (int file in files)
        {
            _files.Add(FileDescriptor.FromResult(fcntl(file, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"));
        }

        try
        {
            ((IChannelHandler)session).MessageReceived(Wire.Read<MessageHeader>(bytes), bytes[MessageHeader.Size..], _files);
        }
        catch (Exception e) when (e is ProtocolException or ErrnoException)
        {
            session.Close(e.Message);
        }
        finally
        {
            _files.CloseRest();
        }

        return true;
    }

    public void Dispose()
    {
        Session?.Dispose();
        Device.Dispose();
        _files.Dispose();
    }
}
