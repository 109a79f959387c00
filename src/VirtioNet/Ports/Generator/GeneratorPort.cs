using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Generator;

/// <summary>
/// A port that sends numbered UDP frames, at a rate or as fast as the receiver takes them, and swallows what it is given. A receiver without buffers holds it
/// back; nothing is sent while there is none.
/// </summary>
public sealed class GeneratorPort : Port
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>What a stalled generator catches up at most.</summary>
    private const long BacklogNs = 10_000_000;

    /// <summary>Bytes of one turn, so that copying long frames takes no longer than a turn may.</summary>
    private const int TurnBytes = TurnBudget.Turn * TurnBudget.BytesPerUnit;

    private readonly AioContext _context;
    private readonly AioClock _clock;
    private readonly FrameTemplates _templates;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _bottomHalf;
    private readonly AioTimer _timer;
    private long _numbered;
    private long _epochNs = -1;
    private long _sinceEpoch;
    private int _pendingFrom;
    private int _pendingTo;
    private volatile bool _started;
    private volatile bool _isHeld;

    /// <summary>Creates the port.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">What to send.</param>
    /// <param name="context">Where it works; polled until the port is disposed.</param>
    /// <param name="clock">What the rate is measured by; null for the monotonic clock.</param>
    /// <exception cref="ArgumentException">A size, rate or address is out of range.</exception>
    public GeneratorPort(string name, GeneratorOptions options, AioContext context, AioClock? clock = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _templates = new FrameTemplates(options);
        _context = context;
        _clock = clock ?? AioClock.Monotonic;
        _bottomHalf = context.CreateBottomHalf(Run, $"{name}.generate");
        _timer = context.CreateTimer(_clock, Run);
    }

    /// <summary>What the port sends.</summary>
    public GeneratorOptions Options { get; }

    /// <inheritdoc/>
    public override string Kind => "generator";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.All;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) => this.Swallow(burst, frames);

    /// <inheritdoc/>
    public override void Hold() => _context.RunOnHomeThread(() => _isHeld = true);

    /// <inheritdoc/>
    public override void LetGo()
    {
        _isHeld = false;
        PeersAcceptChanged(Offloads.None);
    }

    /// <summary>Frames that were numbered and not taken are sent again under the same numbers.</summary>
    public override PortState Save() => new() { Numbered = _numbered - (_pendingTo - _pendingFrom) };

    /// <inheritdoc/>
    public override void Restore(PortState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _numbered = Math.Max(0, state.Numbered);
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
            _templates.Dispose();
            _burst.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Run()
    {
        if (IsFaulted || _isHeld || !this.HasReceiver())
        {
            // PeersAcceptChanged starts us again; the rate counts from then on.
            _epochNs = -1;
            return;
        }

        if (_pendingFrom == _pendingTo && !NumberFrames())
        {
            return;
        }

        _burst.Clear();
        for (int slot = _pendingFrom; slot < _pendingTo; slot++)
        {
            _templates.AddTo(_burst, slot);
        }

        int done = Forward(_burst, 0, _bottomHalf);
        IngressCounters.CountForwarded(_burst, done);
        _pendingFrom += done;
        if (_pendingFrom == _pendingTo)
        {
            _bottomHalf.Schedule();
        }
    }

    /// <summary>Prepares the next frames; false when none is due, and then the timer is armed unless the end is reached.</summary>
    private bool NumberFrames()
    {
        long count = Math.Clamp(TurnBytes / Options.FrameSize, 1, FrameBurst.FramesMax);
        if (Options.Count > 0)
        {
            count = Math.Min(count, Options.Count - _numbered);
        }

        if (Options.Rate > 0 && count > 0)
        {
            count = Math.Min(count, TakeDue(count));
            if (count == 0)
            {
                _timer.Modify(_epochNs + (long)((Int128)(_sinceEpoch + 1) * NsPerSecond / Options.Rate) + 1);
            }
        }

        for (int slot = 0; slot < count; slot++)
        {
            _templates.SetSequence(slot, (ulong)(_numbered + slot));
        }

        _numbered += count;
        _pendingFrom = 0;
        _pendingTo = (int)count;
        return count > 0;
    }

    private long TakeDue(long max)
    {
        long now = _clock.NowNs;
        if (_epochNs < 0)
        {
            _epochNs = now;
            _sinceEpoch = 0;
        }

        long due = (long)((Int128)(now - _epochNs) * Options.Rate / NsPerSecond) - _sinceEpoch;
        long backlog = Math.Max(1, (long)((Int128)BacklogNs * Options.Rate / NsPerSecond));
        if (due > backlog)
        {
            _sinceEpoch += due - backlog;
            due = backlog;
        }

        long taken = Math.Min(due, max);
        _sinceEpoch += taken;
        return taken;
    }
}
