using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
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
    private readonly StreamConnector _connector;
    private readonly StreamSender _sender = new();
    private readonly StreamReceiver _receiver = new();
    private readonly Waiters _waiters = new();
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _send;
    private readonly BottomHalf _resume;
    private FileDescriptor? _connection;
    private FdGate? _gate;
    private readonly AioClock _clock;
    private long _connectedNs;
    private long _framesBefore;
    private volatile bool _isUp;

    /// <summary>Creates the port; a listening one listens from here on.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Where the other end is.</param>
    /// <param name="context">Where all of it runs; polled until the port is disposed.</param>
    /// <param name="control">Where the network is told that a connection came or went: the control thread's context; null for <paramref name="context"/>.</param>
    /// <param name="clock">What pauses between connections are measured by; null for the monotonic clock.</param>
    /// <exception cref="PortException">The address can't be listened at.</exception>
    public StreamPort(string name, StreamOptions options, AioContext context, AioContext? control = null, AioClock? clock = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _context = context;
        _clock = clock ?? AioClock.Monotonic;
        ControlContext = control ?? context;
        _send = context.CreateBottomHalf(Send, $"{name}.tx");
        _resume = context.CreateBottomHalf(Resume, $"{name}.rx");
        _connector = new StreamConnector(context, options, OnConnected, _clock);
    }

    /// <summary>Where the other end is.</summary>
    public StreamOptions Options { get; }

    /// <summary>Connections that there were so far.</summary>
    public int Connections { get; private set; }

    /// <summary>Connections that were refused because the process's reserve of descriptors was touched.</summary>
    public long ReserveRefused => _connector.ReserveRefused;

    /// <inheritdoc/>
    public override string Kind => "stream";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override bool IsUp => _isUp && !IsFaulted;

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
    public override void Start()
    {
        using FaultScope scope = FaultScope.Enter(this);
        _context.ScheduleOneShot(_connector.Seek, "seek");
    }

    /// <inheritdoc/>
    protected override void TakeDown()
    {
        _isUp = false;
        Disconnect();
        _connector.Rest();
        _waiters.ScheduleAll();
    }

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
        _connectedNs = _clock.NowNs;
        _framesBefore = Received.Frames;
        _receiver.Reset();
        _sender.Clear();
        try
        {
            _gate = new FdGate(_context, connection.Value, OnReadable, Send);
            _gate.WantRead = true;
        }
        catch (ErrnoException)
        {
            // The connection took the last descriptor, or the kernel watches no more of them: it is given back, and there may be one later.
            Lose();
            return;
        }

        SetUp(true);
        Resume();
    }

    private void SetUp(bool up)
    {
        if (_isUp != up)
        {
            _isUp = up;
            TellNetwork();
        }
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
        _connector.Ended(_clock.NowNs - _connectedNs, Received.Frames != _framesBefore);
    }

    private void Send()
    {
        if (_gate is null || IsFaulted)
        {
            return;
        }

        var budget = TurnBudget.Full;
        int error = _sender.Write(_connection!.Value, ref budget, out int released);
        _gate.WantWrite = error == EAGAIN;
        if (released > 0)
        {
            _waiters.ScheduleAll();
        }

        if (error is not (0 or EAGAIN))
        {
            Lose();
        }
        else if (budget.IsSpent)
        {
            _send.Schedule();
        }
    }

    private void Resume()
    {
        if (_gate is not null && !IsFaulted)
        {
            _gate.WantRead = true;
            Forward();
        }
    }

    private void OnReadable()
    {
        if (_gate is null || IsFaulted)
        {
            return;
        }

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
        var budget = TurnBudget.Full;
        do
        {
            if (budget.IsSpent)
            {
                _resume.Schedule();
                return;
            }

            sound = _receiver.AddTo(_burst);
            count = _burst.Count;
            int done = count == 0 ? 0 : Forward(_burst, 0, _resume);
            long before = Received.Bytes;
            Received.CountForwarded(_burst, done);
            budget.TakeChains(count);
            budget.TakeCopies(done, Received.Bytes - before);
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
