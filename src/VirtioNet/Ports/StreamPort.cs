using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports;

/// <summary>
/// Frames over a TCP or Unix stream connection, each behind its length: what QEMU's <c>-netdev stream</c> and <c>-netdev socket</c> do at the other end. Connects
/// again, or waits for the next connection, when one ends.
/// </summary>
public sealed class StreamPort : Port
{
    private readonly AioContext _context;
    private readonly AioContext _control;
    private readonly StreamConnector _connector;
    private readonly StreamSender _sender = new();
    private readonly StreamReceiver _receiver = new();
    private readonly Waiters _waiters = new();
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _send;
    private readonly BottomHalf _resume;
    private FileDescriptor? _connection;
    private FdGate? _gate;
    private volatile bool _isUp;

    /// <summary>Creates the port; a listening one listens from here on.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Where the other end is.</param>
    /// <param name="context">Where all of it runs; polled until the port is disposed.</param>
    /// <param name="control">Where the network is told that a connection came or went: the control thread's context; null for <paramref name="context"/>.</param>
    /// <exception cref="PortException">The address can't be listened at.</exception>
    public StreamPort(string name, StreamOptions options, AioContext context, AioContext? control = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Options = options;
        _context = context;
        _control = control ?? context;
        _send = context.CreateBottomHalf(Send, $"{name}.tx");
        _resume = context.CreateBottomHalf(Resume, $"{name}.rx");
        _connector = new StreamConnector(context, options, OnConnected);
    }

    /// <summary>Where the other end is.</summary>
    public StreamOptions Options { get; }

    /// <summary>Connections that there were so far.</summary>
    public int Connections { get; private set; }

    /// <inheritdoc/>
    public override string Kind => "stream";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override bool IsUp => _isUp;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        int done = 0;
        bool waits = false;
        _sender.Lock.Enter();
        while (done < frames.Length)
        {
            int frame = frames[done];
            uint length = burst[frame].TotalLength;
            if (burst[frame].IsMalformed)
            {
                done++;
                continue;
            }

            if (!_isUp)
            {
                Sent.Drop(DropReason.NotRunning);
            }
            else if (length > StreamReceiver.FrameMax)
            {
                Sent.Drop(DropReason.TooLong);
            }
            else if (_sender.TryQueue(burst, frame))
            {
                Sent.Frames++;
                Sent.Bytes += length;
            }
            else if (waiter is null)
            {
                Sent.Drop(DropReason.NoBuffers);
            }
            else if (waits)
            {
                break;
            }
            else
            {
                // Registered first, then one more look: room made in between is seen by one side or the other.
                _waiters.Add(waiter);
                waits = true;
                continue;
            }

            done++;
        }

        _sender.Lock.Exit();
        _send.Schedule();
        return done;
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted) => _resume.Schedule();

    /// <inheritdoc/>
    public override void Start() => _context.ScheduleOneShot(_connector.Seek, "seek");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _context.RunOnHomeThread(() =>
            {
                _send.Delete();
                _resume.Delete();
                Disconnect();
            });
            _connector.Dispose();
            _waiters.ScheduleAll();
            _sender.Dispose();
            _receiver.Dispose();
            _burst.Dispose();
        }

        base.Dispose(disposing);
    }

    private void OnConnected(FileDescriptor connection)
    {
        Connections++;
        _connection = connection;
        _receiver.Reset();
        _sender.Clear();
        _gate = new FdGate(_context, connection.Value, OnReadable, Send);
        SetUp(true);
        Resume();
    }

    private void SetUp(bool up)
    {
        _isUp = up;
        _control.ScheduleOneShot(() => Network?.PortChanged(this), "changed");
    }

    private void Disconnect()
    {
        _gate?.Dispose();
        _gate = null;
        _connection?.Dispose();
        _connection = null;
    }

    private void Lose()
    {
        Disconnect();
        SetUp(false);

        // Frames that were queued meanwhile are thrown away by the next connection.
        _waiters.ScheduleAll();
        _connector.Seek();
    }

    private void Send()
    {
        if (_gate is null)
        {
            return;
        }

        int error = _sender.Write(_connection!.Value, out int released);
        _gate.WantWrite = error == EAGAIN;
        if (released > 0)
        {
            _waiters.ScheduleAll();
        }

        if (error is not (0 or EAGAIN))
        {
            Lose();
        }
    }

    private void Resume()
    {
        if (_gate is not null)
        {
            _gate.WantRead = true;
            Forward();
        }
    }

    private void OnReadable()
    {
        int error = _receiver.Receive(_connection!.Value);
        if (error is 0 or EAGAIN)
        {
            Forward();
        }
        else
        {
            Lose();
        }
    }

    private void Forward()
    {
        bool sound;
        int count;
        do
        {
            sound = _receiver.AddTo(_burst);
            count = _burst.Count;
            int done = count == 0 ? 0 : Forward(_burst, 0, _resume);
            Received.CountForwarded(_burst, done);
            _receiver.Release(_burst, done);
            if (done < count)
            {
                // The bottom half is what the receiver schedules; until then the other end is held back by its full socket.
                _gate!.WantRead = false;
                return;
            }
        }
        while (sound && count == FrameBurst.FramesMax);

        if (!sound)
        {
            Received.Drop(DropReason.BadHeader);
            Lose();
        }
    }
}
