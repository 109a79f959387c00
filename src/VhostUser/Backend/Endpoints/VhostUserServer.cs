using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>Listens on a path or an inherited socket, and serves one front end after the other.</summary>
public sealed class VhostUserServer : VhostUserEndpoint
{
    private readonly AioTimer _resume;
    private readonly RateLimit _connections;
    private readonly HeldConnections _held;
    private readonly GrowingPause _turningAway;
    private readonly GrowingPause _tooFewQueues;
    private readonly MinuteLine _secondLine;
    private readonly MinuteLine _reserveLine;
    private UnixListener? _listener;

    /// <summary>Creates a server; it listens after <see cref="Start"/>.</summary>
    public VhostUserServer(AioContext context, IVhostUserDevice device, VhostUserEndpointOptions options) : base(context, device, options)
    {
        _resume = Context.CreateTimer(Options.Clock, Listen);
        _connections = new RateLimit(Options.Clock, 2 * Options.ConnectionsPerSecond, 1_000_000_000 / Options.ConnectionsPerSecond);
        _held = new HeldConnections(Context, Options.Clock, Listen);
        _turningAway = new GrowingPause(Options.Clock);
        _tooFewQueues = new GrowingPause(Options.Clock);
        _secondLine = new MinuteLine(Options.Clock);
        _reserveLine = new MinuteLine(Options.Clock);
    }

    /// <summary>Whether further front ends can connect; false for an inherited connection, and before <see cref="Start"/>.</summary>
    public bool IsListening => _listener is not null;

    /// <inheritdoc/>
    public override void Start()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (Options.Descriptor is { } inherited)
        {
            if (!UnixListener.IsListening(inherited))
            {
                // Connected already: there is this one front end and never another.
                BeginSession(inherited);
                return;
            }

            _listener = UnixListener.FromDescriptor(inherited, Options.BoundPath);
        }
        else
        {
            _listener = UnixListener.Bind(Options.Path!, Options.SocketMode, Options.SocketOwner, Options.SocketGroup);
        }

        Listen();
        Log.Info("listening for a front end");
    }

    /// <summary>The socket that listens; null for an inherited connection, and before <see cref="Start"/>. It stays the server's.</summary>
    public FileDescriptor? Listener => _listener?.Socket;

    /// <summary>Whether the socket's name goes when the server does.</summary>
    public bool OwnsPath => _listener is { OwnsPath: true };

    /// <inheritdoc/>
    public override void Abandon()
    {
        base.Abandon();
        _listener?.Abandon();
    }

    /// <inheritdoc/>
    protected override void OnSessionEnded()
    {
        // Those who were turned away may try again at once, and find the place free.
        _held.Clear();
        _turningAway.Reset();
        if (_listener is null)
        {
            Log.Info("the inherited connection is over");
            return;
        }

        if (SessionLeftForQueues)
        {
            // It tries again at once, in vain, and each time is worth some lines.
            Rest(_tooFewQueues.Next());
            return;
        }

        _tooFewQueues.Reset();
        Listen();
        Log.Info("listening for the next front end");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _resume.Delete();
        _held.Dispose();
        if (_listener is not null)
        {
            Context.SetFdHandler(_listener.Socket.Value, null);
            _listener.Dispose();
            _listener = null;
        }
        else
        {
            Options.Descriptor?.Dispose();
        }
    }

    private void Listen()
    {
        if (_listener is not null && !_held.IsFull)
        {
            Context.SetFdHandler(_listener.Socket.Value, OnConnection);
        }
    }

    /// <summary>Takes nobody until a time; who connects waits in the kernel's queue.</summary>
    private void Rest(long untilNs)
    {
        Context.SetFdHandler(_listener!.Socket.Value, null);
        _resume.Modify(untilNs);
    }

    private void OnConnection()
    {
        if (!_connections.TryTake())
        {
            Quotas.ConnectionsDelayed++;
            Rest(_connections.NextNs);
            return;
        }

        FileDescriptor? socket;
        try
        {
            socket = _listener!.Accept();
        }
        catch (ErrnoException e)
        {
            // The connection stays in the queue, so looking again at once would only spin.
            Log.Write(SessionLogLevel.Error, $"a front end could not be accepted: {e.Message}; trying again in a second");
            Rest(Options.Clock.NowNs + 1_000_000_000);
            return;
        }

        if (socket is null)
        {
            return;
        }

        if (!DescriptorReserve.Admits(socket.Value))
        {
            Quotas.ReserveRefused++;
            _reserveLine.Write(
                Log,
                $"a front end, process {UnixSocket.PeerProcess(socket)}, was turned away: this process has only its reserve of {DescriptorReserve.Reserve} of " +
                $"{DescriptorReserve.Limit} descriptors left, which is for what runs already (descriptors.reserve)");
            socket.Dispose();
            Rest(_turningAway.Next());
            return;
        }

        if (CurrentSession is { HasHungUp: true } gone)
        {
            // The old connection's end and the new one can be seen in either order.
            gone.Close("the front end is gone and another one connects");
        }

        if (CurrentSession is not null)
        {
            TurnAway(socket, CurrentSession);
            return;
        }

        BeginSession(socket);
    }

    /// <summary>
    /// A socket serves one front end at a time. One that finds it taken is left waiting for a while before it is told, because it will try again: QEMU with
    /// reconnect=1 every second, without it as fast as it can.
    /// </summary>
    private void TurnAway(FileDescriptor socket, VhostUserSession present)
    {
        Quotas.SecondFrontEnds++;
        _secondLine.Write(
            Log,
            $"a second front end, process {UnixSocket.PeerProcess(socket)}, was turned away: process {present.PeerProcess} is connected, and a socket serves one at a time; " +
            "end one of the two, or give each a port and a socket of its own");
        _held.Add(socket, _turningAway.Next());
        if (_held.IsFull)
        {
            // Whoever comes now waits in the kernel's queue.
            Context.SetFdHandler(_listener!.Socket.Value, null);
        }
    }
}
