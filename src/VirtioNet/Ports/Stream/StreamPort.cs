using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Stream;

/// <summary>
/// Frames over a TCP or Unix stream connection, each behind its length: what QEMU's <c>-netdev stream</c> and <c>-netdev socket</c> do at the other end.
/// Connects again, or waits for the next connection, when one ends.
/// </summary>
public sealed class StreamPort : Port
{
    private readonly AioContext _context;
    private readonly StreamConnector _connector;
    private readonly StreamSender _sender = new();
    private readonly StreamReceiver _receiver = new();
    private readonly SharedWaiters _waiters = new();
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _send;
    private readonly BottomHalf _resume;
    private readonly AioTimer _pause;
    private FileDescriptor? _connection;
    private FdGate? _gate;
    private readonly AioClock _clock;
    private long _connectedNs;
    private long _framesBefore;
    private int _failedInARow;
    private bool _isPausing;

    /// <summary>Creates the port; a listening one listens from here on.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Where the other end is.</param>
    /// <param name="context">Where all of it runs; polled until the port is disposed.</param>
    /// <param name="control">Where the network is told that a connection came or went: the control thread's context; null for
    /// <paramref name="context"/>.</param>
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
        _send = context.CreateBottomHalf(Send, $"{name}.egress");
        _resume = context.CreateBottomHalf(Resume, $"{name}.ingress");
        _pause = context.CreateTimer(_clock, AfterPause);
        _connector = new StreamConnector(context, options, OnConnected, OnFailed, _clock);
        SetDown(Waits);
    }

    /// <summary>Where the other end is.</summary>
    public StreamOptions Options { get; }

    /// <summary>Connections that there were so far.</summary>
    public int Connections { get; private set; }

    /// <summary>Connections that were refused because the process's reserve of descriptors was touched.</summary>
    public long ReserveRefused => _connector.ReserveRefused;

    /// <summary>Connections that took the place of an older one from the same address.</summary>
    public long Successions => _connector.Successions;

    /// <inheritdoc/>
    public override string Kind => "stream";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    private string Waits => Options.Listen ? $"nobody is connected to {Options.Endpoint} yet" : $"it is not connected to {Options.Endpoint} yet";

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        bool isOut = IsOut;
        _sender.Lock.Enter();
        int done = QueueOrWait.Deliver(this, new SenderQueue(_sender), _waiters, burst, frames, waiter, isOut);
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
        SetDown(Waits);
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
                _pause.Delete();
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
        if (_connection is not null)
        {
            // The same peer connects anew, so what it had is lost, and its frames that wait are another connection's.
            Disconnect();
            _waiters.ScheduleAll();
        }

        Connections++;
        _connection = connection;
        _failedInARow = 0;
        _connectedNs = _clock.NowNs;
        _framesBefore = IngressCounters.Frames;
        _receiver.Reset();
        _sender.Clear();
        try
        {
            _gate = new FdGate(_context, connection.Value, OnReadable, Send);
            _gate.WantRead = true;
        }
        catch (ErrnoException e)
        {
            // The connection took the last descriptor, or the kernel watches no more of them: it is given back, and there may be one later.
            Lose(e.Message);
            return;
        }

        SetDown(null);
        Resume();
    }

    private void OnFailed(CallKind call, Errno why)
    {
        CallFailed(call, why);
        if (_connection is null)
        {
            SetDown($"{Waits}: {why}");
        }
    }

    private void Disconnect()
    {
        _pause.Delete();
        _isPausing = false;
        _gate?.Dispose();
        _gate = null;
        _connection?.Dispose();
        _connection = null;
    }

    private void Lose(string why)
    {
        Disconnect();
        SetDown($"the connection with {Options.Endpoint} ended: {why}");

        // Frames that were queued meanwhile are thrown away by the next connection.
        _waiters.ScheduleAll();
        _connector.Ended(_clock.NowNs - _connectedNs, IngressCounters.Frames != _framesBefore);
    }

    private void Send()
    {
        if (_gate is null || IsFaulted || _isPausing)
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
            Failed(CallKind.StreamSend, new Errno(error));
        }
        else if (budget.IsSpent)
        {
            _send.Schedule();
        }
    }

    private void Resume()
    {
        if (_gate is not null && !IsFaulted && !_isPausing)
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
            _failedInARow = 0;
            Forward();
        }
        else if (error == StreamReceiver.Closed)
        {
            Lose("the other end closed it");
        }
        else
        {
            Failed(CallKind.StreamReceive, new Errno(error));
        }
    }

    /// <summary>A call on the connection failed: it ends, or is tried again after a pause that grows as long as nothing succeeds.</summary>
    private void Failed(CallKind call, Errno why)
    {
        CallFailed(call, why);
        if (why.ClassOf(call) == ErrnoClass.Gone)
        {
            Lose(why.ToString());
            return;
        }

        _isPausing = true;
        _gate!.WantRead = _gate.WantWrite = false;
        _pause.Modify(_clock.NowNs + QueueErrors.PauseNs(_failedInARow++));
    }

    private void AfterPause()
    {
        _isPausing = false;
        Send();
        Resume();
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
            long before = IngressCounters.Bytes;
            IngressCounters.CountForwarded(_burst, done);
            budget.TakeChains(count);
            budget.TakeCopies(done, IngressCounters.Bytes - before);
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
            IngressCounters.Drop(DropReason.BadHeader);
            Lose("it carried a length that no frame has, so what follows can't be told apart");
        }
    }

    private readonly struct SenderQueue(StreamSender sender) : IFrameQueue
    {
        public static uint FrameMax => StreamReceiver.FrameMax;

        public bool TryQueue(FrameBurst burst, int frame) => sender.TryQueue(burst, frame);
    }
}
