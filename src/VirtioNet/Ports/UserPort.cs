using System.Diagnostics.CodeAnalysis;
using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.VirtioNet.Ports;

/// <summary>
/// A network of the guest's own behind network address translation, without any privilege: the guest's connections become ordinary sockets of this process
/// (libslirp, as QEMU's <c>-netdev user</c>). DHCP, DNS and router advertisements are inside.
/// </summary>
public sealed class UserPort : Port
{
    private const int QueueBytes = 1 << 20;
    private const int FrameMax = 65535 + 18;

    /// <summary>Nominal nanoseconds of a frame besides its bytes: the library looks its flow up in a list and makes a system call or two.</summary>
    private const int FrameCost = 2 * TurnBudget.CallCost;

    /// <summary>How soon a listener is looked at again that was left alone for want of descriptors.</summary>
    private const uint HeldListenerMs = 1000;

    private readonly AioContext _context;
    private readonly FrameRing _inbound = new(QueueBytes);
    private readonly Waiters _waiters = new();
    private readonly FrameOutlet _outlet;
    private readonly BottomHalf _work;
    private readonly AioTimer _timeout;
    private readonly SlirpPoller _poller;
    private readonly SlirpAddresses _addresses;
    private readonly SlirpGuard _guard;
    private readonly GuestForwarder _forwarder;
    private SlirpQuota _quota;
    private SlirpStack _stack;
    private Surroundings _surroundings;
    private bool _throttled;
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
        _timeout = context.CreateTimer(AioClock.Monotonic, _work.Schedule);
        _poller = new SlirpPoller(context, _work.Schedule);
        _outlet = new FrameOutlet(this, context, QueueBytes, Forward, OnRoomMade);
        try
        {
            _forwarder = new GuestForwarder(options.GuestForwards, context, AioClock.Monotonic, Use, _poller.Forget);
            Open();
        }
        catch
        {
            _work.Delete();
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
        int done = 0;
        bool waits = false;
        _inbound.Lock.Enter();
        while (done < frames.Length)
        {
            int frame = frames[done];
            uint length = burst[frame].TotalLength;
            if (length > FrameMax)
            {
                Sent.Drop(DropReason.TooLong);
            }
            else if (burst[frame].IsMalformed || _inbound.TryAppend(burst, frame))
            {
                Sent.Frames += burst[frame].IsMalformed ? 0 : 1;
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

        _inbound.Lock.Exit();
        _work.Schedule();
        return done;
    }

    /// <inheritdoc/>
    public override void Start() => _work.Schedule();

    /// <inheritdoc/>
    protected override void TakeDown()
    {
        _timeout.Delete();
        _poller.Pause();
        _surroundings.DeleteTimers();
        _waiters.ScheduleAll();
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

    [MemberNotNull(nameof(_quota), nameof(_stack), nameof(_surroundings))]
    private void Open()
    {
        _quota = new SlirpQuota(Options, Use, Options.HostForwards.Count + _forwarder.Descriptors);
        _surroundings = new Surroundings(this);

        // Whatever the library schedules meanwhile on the context's thread waits for the lock, and so until the field is set.
        lock (SlirpLibrary.Lock)
        {
            _stack = new SlirpStack(Options, _addresses, _surroundings, _forwarder);
        }
    }

    private void Work()
    {
        if (IsFaulted)
        {
            return;
        }

        uint timeout;
        bool more;
        int taken;
        lock (SlirpLibrary.Lock)
        {
            taken = RunStack(out timeout, out more);
        }

        if (_poller.HeldListener)
        {
            // Nobody says when the process has descriptors again.
            timeout = Math.Min(timeout, HeldListenerMs);
        }

        if (timeout == uint.MaxValue)
        {
            _timeout.Delete();
        }
        else
        {
            _timeout.Modify(AioClock.Monotonic.NowNs + (timeout * 1_000_000L));
        }

        if (taken > 0)
        {
            _waiters.ScheduleAll();
        }

        if (more)
        {
            _work.Schedule();
        }
    }

    /// <summary>One round of the stack: sockets that are ready, then frames from the guest, then what to watch next. Returns the frames taken.</summary>
    private int RunStack(out uint timeout, out bool more)
    {
        // While the guest can't take what the sockets have for it, they are left alone, so that TCP holds the senders back.
        _throttled = _outlet.Ring.UsedBytes > QueueBytes / 2;
        if (!_throttled)
        {
            _stack.PollFds(failed: !_poller.Poll());
        }

        var budget = TurnBudget.Full;
        int taken = 0;
        while (!budget.IsSpent && _inbound.TryPeek(out Span<byte> frame, out _, out _, out _))
        {
            budget.Take(TakeIn(frame) ? FrameCost + (frame.Length / TurnBudget.BytesPerUnit) : TurnBudget.ChainCost);
            _inbound.Release(1);
            taken++;
        }

        more = budget.IsSpent;
        _poller.HoldsListeners = _poller.HoldsListeners && !_quota.TakesConnection;
        _poller.Begin();
        timeout = _stack.FillPollFds();
        if (_throttled)
        {
            _poller.Begin();
        }

        _poller.End();
        return taken;
    }

    /// <summary>Gives the stack a frame, if it can be trusted with it and there is room for what it begins. The frame is the port's own copy.</summary>
    private bool TakeIn(Span<byte> frame)
    {
        SlirpVerdict verdict = _guard.Judge(frame, out SlirpFlow flow, out bool toLoopback);
        if (verdict != SlirpVerdict.Pass)
        {
            if (verdict == SlirpVerdict.Refuse)
            {
                CountDrop(DropReason.Unsafe);
            }

            return false;
        }

        if (toLoopback && !Options.HostLoopback && !Options.Restrict && flow.MayOpen)
        {
            Use.CountLoopbackRefused();
            Notice($"port {Name}: the guest tried to reach the host's loopback by the gateway's address; \"hostLoopback\": true would let it", ref _loopbackNoticeNs);
        }

        if (!_quota.TryEnter(flow, AioClock.Monotonic.NowNs))
        {
            CountDrop(DropReason.Quota);
            Notice(
                $"port {Name}: a new flow of the guest was refused ({Use.Flows} of {Options.FlowsMax} flows, {Use.Sockets} of {Options.SocketsMax} sockets, "
                + $"{Options.FlowsPerSecond} new ones a second); what runs goes on. See the port's quotas and descriptors.reserve",
                ref _quotaNoticeNs);
            return false;
        }

        _stack.Input(frame);
        _quota.Leave();
        return true;
    }

    /// <summary>The frame was counted as sent when it was queued, under the same lock.</summary>
    private void CountDrop(DropReason reason)
    {
        _inbound.Lock.Enter();
        Sent.Drop(reason);
        _inbound.Lock.Exit();
    }

    private void OnRoomMade()
    {
        if (_throttled && _outlet.Ring.UsedBytes <= QueueBytes / 4)
        {
            _work.Schedule();
        }
    }

    /// <summary>What the stack calls.</summary>
    private sealed class Surroundings(UserPort port) : ISlirpHost
    {
        // A handle is the timer's place in the list plus one.
        private readonly List<AioTimer?> _timers = [];

        public void SendFrame(ReadOnlySpan<byte> frame)
        {
            // This thread is the ring's only producer, so that its lock is not needed.
            if (port._outlet.Ring.TryReserve(frame.Length, out Span<byte> room))
            {
                frame.CopyTo(room);
                port._outlet.Ring.Commit(default, frame.Length);
                port._outlet.Kick();
            }
            else
            {
                port.Received.Drop(DropReason.NoBuffers);
            }
        }

        public void GuestError() => port._guestErrors++;

        public nint CreateTimer(int id, nint cookie)
        {
            _timers.Add(port._context.CreateTimer(AioClock.Monotonic, () =>
            {
                if (port.IsFaulted)
                {
                    return;
                }

                lock (SlirpLibrary.Lock)
                {
                    port._stack.HandleTimer(id, cookie);
                }

                port._work.Schedule();
            }));
            return _timers.Count;
        }

        public void SetTimer(nint timer, long milliseconds) => _timers[(int)timer - 1]?.Modify(milliseconds * 1_000_000);

        public void FreeTimer(nint timer)
        {
            _timers[(int)timer - 1]?.Delete();
            _timers[(int)timer - 1] = null;
        }

        public void PollFdOpened(int fd)
        {
            port._poller.Forget(fd);
            SlirpPoller.MakeNonBlocking(fd);
            port._quota.Opened(fd);
            port._forwarder.Opened(fd);
        }

        public void PollFdClosed(int fd)
        {
            port._poller.Forget(fd);
            port._quota.Closed(fd);
            port._forwarder.Closed(fd);
        }

        public int AddPollFd(int fd, short events) => port._poller.Add(fd, events);

        public short PollFdFound(int index)
        {
            if (port._poller.IsReadyListener(index) && !port._quota.TakesConnection)
            {
                port._poller.HoldsListeners = true;
                return 0;
            }

            return port._poller.Found(index);
        }

        public void Notify() => port._work.Schedule();

        public void DeleteTimers() => _timers.ForEach(t => t?.Delete());
    }
}
