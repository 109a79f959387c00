using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>
/// A port that sends the frames of a capture file, with the pauses that they were recorded with or as fast as the receiver takes them, and records or swallows
/// what it is given. Nothing is sent while there is no receiver.
/// </summary>
public sealed class PcapPort : Port
{
    /// <summary>The longest that the timer waits.</summary>
    private const long LookMaxNs = 3_600_000_000_000;

    private readonly AioContext _context;
    private readonly AioClock _clock;
    private readonly PcapReader? _reader;
    private readonly PcapFile? _file;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _bottomHalf;
    private readonly AioTimer _timer;
    private long _startNs = -1;
    private long _firstNs;
    private bool _sentAny;
    private volatile bool _started;
    private volatile bool _done;

    /// <summary>Opens the files.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Which files, and how.</param>
    /// <param name="context">Where it works; polled until the port is disposed.</param>
    /// <param name="clock">What pauses are measured by; null for the monotonic clock.</param>
    /// <exception cref="PortException">A file can't be opened, or is none that can be replayed.</exception>
    public PcapPort(string name, PcapOptions options, AioContext context, AioClock? clock = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Replay is null && options.Capture is null)
        {
            throw new PortOptionsException("pcap port: name a file to replay, a file to capture to, or both");
        }

        if (!(options.Speed >= 0) || !double.IsFinite(options.Speed) || options.Loops < 0)
        {
            throw new PortOptionsException($"pcap port: speed {options.Speed} and loops {options.Loops} must not be negative");
        }

        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _context = context;
        _clock = clock ?? AioClock.Monotonic;
        _bottomHalf = context.CreateBottomHalf(Run, $"{name}.replay");
        _timer = context.CreateTimer(_clock, Run);
        try
        {
            _reader = options.Replay is { } replay ? new PcapReader(replay, _bottomHalf.Schedule) : null;
            _file = options.Capture is { } capture ? new PcapFile(capture, options.CaptureOptions) : null;
        }
        catch
        {
            _bottomHalf.Delete();
            _timer.Delete();
            _reader?.Dispose();
            throw;
        }
    }

    /// <summary>What the port reads and writes.</summary>
    public PcapOptions Options { get; }

    /// <summary>The file that is written, or null.</summary>
    public PcapFile? File => _file;

    /// <summary>Times that the file was sent to its end.</summary>
    public long LoopsDone { get; private set; }

    /// <summary>Frames of the file that were left out because they are not there whole.</summary>
    public long Skipped => _reader?.Skipped ?? 0;

    /// <summary>Why the rest of the file can't be sent, or null.</summary>
    public string? Failure => _reader?.Failure;

    /// <inheritdoc/>
    public override string Kind => "pcap";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        int done = this.Swallow(burst, frames);
        _file?.Record(burst, frames);
        return done;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        _started = true;
        _bottomHalf.Schedule();
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted)
    {
        if (_started)
        {
            _bottomHalf.Schedule();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _context.RunOnHomeThread(() =>
            {
                _bottomHalf.Delete();
                _timer.Delete();
            });
            _reader?.Dispose();
            _file?.Dispose();
            _burst.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Run()
    {
        if (_reader is null || _done || IsFaulted || !this.HasReceiver())
        {
            // PeersAcceptChanged starts us again; pauses count from then on.
            _startNs = -1;
            return;
        }

        var budget = TurnBudget.Full;
        switch (_reader.Peek(ref budget, out long nextNs))
        {
            case ReplayState.Frame:
                Send(nextNs);
                break;
            case ReplayState.Spent:
                _bottomHalf.Schedule();
                break;
            case ReplayState.End:
                EndLoop();
                break;
        }
    }

    private void Send(long nextNs)
    {
        _reader!.AddTo(_burst, DueUntil(nextNs));
        if (_burst.Count == 0)
        {
            _timer.Modify(NextLookNs(nextNs));
            return;
        }

        int done = Forward(_burst, 0, _bottomHalf);
        IngressCounters.CountForwarded(_burst, done);
        _reader.Release(_burst, done);
        _sentAny |= done > 0;
        if (done == _burst.Count)
        {
            _bottomHalf.Schedule();
        }
    }

    /// <summary>The recorded time that has come by now.</summary>
    private long DueUntil(long nextNs)
    {
        if (Options.Speed == 0)
        {
            return long.MaxValue;
        }

        if (_startNs < 0)
        {
            _startNs = _clock.NowNs;
            _firstNs = nextNs;
        }

        // Times and speeds are a stranger's: the product may be larger than any time there is.
        double passed = (_clock.NowNs - _startNs) * Options.Speed;
        return passed >= long.MaxValue - _firstNs ? long.MaxValue : _firstNs + (long)passed;
    }

    /// <summary>
    /// When a frame that is not due has to be looked at again: when it will be, but within an hour, and never at once, whatever its time says. A wait beyond
    /// that is begun anew.
    /// </summary>
    private long NextLookNs(long nextNs)
    {
        long now = _clock.NowNs;
        double wait = ((nextNs - _firstNs) / Options.Speed) - (now - _startNs);
        return now + (wait >= LookMaxNs ? LookMaxNs : Math.Max((long)wait, 0) + 1);
    }

    private void EndLoop()
    {
        LoopsDone++;

        // A file without a frame would be sent for ever without anybody noticing.
        if (LoopsDone == Options.Loops || !_sentAny || Failure is not null)
        {
            _done = true;
            return;
        }

        _reader!.Rewind();
        _startNs = -1;
        _bottomHalf.Schedule();
    }
}
