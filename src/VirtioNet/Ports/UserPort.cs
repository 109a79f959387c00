using VhostNet.Aio;
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

    /// <summary>Frames from the guest handled before other handlers get their turn.</summary>
    private const int Budget = 256;

    private readonly AioContext _context;
    private readonly FrameRing _inbound = new(QueueBytes);
    private readonly Waiters _waiters = new();
    private readonly FrameOutlet _outlet;
    private readonly BottomHalf _work;
    private readonly AioTimer _timeout;
    private readonly SlirpPoller _poller;
    private readonly SlirpStack _stack;
    private readonly Surroundings _surroundings;
    private bool _throttled;
    private long _guestErrors;

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
        Options = options;
        _context = context;
        _work = context.CreateBottomHalf(Work, $"{name}.user");
        _timeout = context.CreateTimer(AioClock.Monotonic, _work.Schedule);
        _poller = new SlirpPoller(context, _work.Schedule);
        _outlet = new FrameOutlet(this, context, QueueBytes, Forward, OnRoomMade);
        _surroundings = new Surroundings(this);
        try
        {
            // Whatever the library schedules meanwhile on the context's thread waits for the lock, and so until the field is set.
            lock (SlirpLibrary.Lock)
            {
                _stack = new SlirpStack(options, _surroundings);
            }
        }
        catch
        {
            _work.Delete();
            _surroundings.DeleteTimers();
            _poller.Dispose();
            _outlet.Dispose();
            _inbound.Dispose();
            throw;
        }
    }

    /// <summary>The network that the guest sees.</summary>
    public UserOptions Options { get; }

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
            });
            _poller.Dispose();
            _outlet.Dispose();
            _waiters.ScheduleAll();
            _inbound.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Work()
    {
        uint timeout;
        int taken;
        lock (SlirpLibrary.Lock)
        {
            taken = RunStack(out timeout);
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

        if (taken == Budget)
        {
            _work.Schedule();
        }
    }

    /// <summary>One round of the stack: sockets that are ready, then frames from the guest, then what to watch next. Returns the frames taken.</summary>
    private int RunStack(out uint timeout)
    {
        // While the guest can't take what the sockets have for it, they are left alone, so that TCP holds the senders back.
        _throttled = _outlet.Ring.UsedBytes > QueueBytes / 2;
        if (!_throttled)
        {
            _stack.PollFds(failed: !_poller.Poll());
        }

        int taken = 0;
        while (taken < Budget && _inbound.TryPeek(out ReadOnlySpan<byte> frame, out _, out _, out _))
        {
            _stack.Input(frame);
            _inbound.Release(1);
            taken++;
        }

        _poller.Begin();
        timeout = _stack.FillPollFds();
        if (_throttled)
        {
            _poller.Begin();
        }

        _poller.End();
        return taken;
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

        public void ForgetPollFd(int fd) => port._poller.Forget(fd);

        public int AddPollFd(int fd, short events) => port._poller.Add(fd, events);

        public short PollFdFound(int index) => port._poller.Found(index);

        public void Notify() => port._work.Schedule();

        public void DeleteTimers() => _timers.ForEach(t => t?.Delete());
    }
}
