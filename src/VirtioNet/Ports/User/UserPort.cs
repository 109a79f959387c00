using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// A network of the guest's own behind network address translation, without any privilege: the guest's connections become ordinary sockets of this process
/// (libslirp, as QEMU's <c>-netdev user</c>). DHCP, DNS and router advertisements are inside.
/// </summary>
public sealed partial class UserPort : Port
{
    private const int QueueBytes = 1 << 20;
    private const int FrameMax = 65535 + 18;

    /// <summary>Nominal nanoseconds of a frame besides its bytes: the library looks its flow up in a list and makes a system call or two.</summary>
    private const int FrameCost = 2 * TurnBudget.CallCost;

    /// <summary>How soon a listener is looked at again that was left alone for want of descriptors.</summary>
    private const uint HeldListenerMs = 1000;

    private readonly AioContext _context;
    private readonly FrameRing _inbound = new(QueueBytes);
    private readonly SharedWaiters _waiters = new();
    private readonly FrameOutlet _outlet;
    private readonly BottomHalf _work;
    private readonly BottomHalf _renew;
    private readonly AioTimer _timeout;
    private readonly SlirpPoller _poller;
    private readonly SlirpAddresses _addresses;
    private readonly SlirpGuard _guard;
    private readonly GuestForwarder _forwarder;
    private SlirpQuota _quota;
    private SlirpStack _stack;
    private Surroundings _surroundings;
    private bool _throttled;
    private bool _again;
    private long _guestErrors;
    private long _loopbackNoticeNs;
    private long _quotaNoticeNs;

    /// <summary>Creates the port; host ports listen from here on.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">The network that the guest sees.</param>
    /// <param name="context">Where all of it runs; polled until the port is disposed.</param>
    /// <exception cref="PortException">libslirp is missing, the options contradict each other, or a host port can't be had.</exception>
    public UserPort(string name, UserOptions options, AioContext context)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        _addresses = SlirpAddresses.From(options);
        _guard = new SlirpGuard(_addresses, options.Network6.PrefixLength);
        _context = context;
        _work = context.CreateBottomHalf(Work, $"{name}.user");
        _renew = context.CreateBottomHalf(Renew, $"{name}.renew");
        _timeout = context.CreateTimer(AioClock.Monotonic, _work.Schedule);
        _poller = new SlirpPoller(context, _work.Schedule);
        _outlet = new FrameOutlet(this, context, QueueBytes, OnRoomMade);
        try
        {
            _forwarder = new GuestForwarder(options.GuestForwards, context, AioClock.Monotonic, Use, _poller.Forget);
            Open();
        }
        catch
        {
            _work.Delete();
            _renew.Delete();
            _surroundings?.DeleteTimers();
            _forwarder?.Dispose();
            _poller.Dispose();
            _outlet.Dispose();
            _inbound.Dispose();
            throw;
        }
    }

    /// <summary>The network that the guest sees.</summary>
    public UserOptions Options { get; }

    /// <summary>What the port keeps for its guest, and what it refused.</summary>
    public UserPortUse Use { get; } = new();

    /// <summary>Frames that the stack found malformed.</summary>
    public long GuestErrors => Volatile.Read(ref _guestErrors);

    /// <inheritdoc/>
    public override string Kind => "user";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        _inbound.Lock.Enter();
        int done = QueueOrWait.Deliver(this, new InboundQueue(_inbound), _waiters, burst, frames, waiter);
        _inbound.Lock.Exit();
        _work.Schedule();
        return done;
    }

    /// <inheritdoc/>
    public override void Start() => _work.Schedule();

    /// <summary>What the last guest's flows still bring is not the next one's.</summary>
    public override void GuestReplaced() => _renew.Schedule();

    /// <inheritdoc/>
    protected override void TakeDown()
    {
        _timeout.Delete();
        _poller.Pause();
        _surroundings.DeleteTimers();
        _waiters.ScheduleAll();
    }

    private void Renew()
    {
        if (!IsFaulted && Use.Flows > 0)
        {
            TakeDown();
            Revive();
        }
    }

    /// <summary>A new stack, as after a power cut of a router: the guest's connections are gone, its address stays valid.</summary>
    protected override void Revive()
    {
        while (_inbound.TryPeek(out _, out _, out _, out _))
        {
            _inbound.Release(1);
        }

        lock (SlirpLibrary.Lock)
        {
            _stack.Dispose();
        }

        _poller.Resume();
        Open();
        Start();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _context.RunOnHomeThread(() =>
            {
                _work.Delete();
                _renew.Delete();
                _timeout.Delete();
                lock (SlirpLibrary.Lock)
                {
                    _stack.Dispose();
                }

                _surroundings.DeleteTimers();
                _forwarder.Dispose();
            });
            _poller.Dispose();
            _outlet.Dispose();
            _waiters.ScheduleAll();
            _inbound.Dispose();
        }

        base.Dispose(disposing);
    }

    private readonly struct InboundQueue(FrameRing ring) : IFrameQueue
    {
        public static uint FrameMax => UserPort.FrameMax;

        public bool TryQueue(FrameBurst burst, int frame) => ring.TryAppend(burst, frame);
    }
}
