using VhostNet.Aio;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// The device's side of one virtqueue, split or packed: peek at a burst of chains, use them, complete them. Every member that touches the ring needs its
/// lock, which <see cref="RingSlot"/> gives; a burst is peeked and completed within one hold of it. The control thread changes a running queue (memory,
/// addresses, notifiers) under the same lock (<see cref="RunLocked"/>), so a burst sees one state from beginning to end.
/// </summary>
/// <remarks>
/// virtio 1.3 sections 2.7 (split) and 2.8 (packed). Nothing here allocates or throws once the queue runs. A queue that was disposed of has no pointers any
/// more; whatever is asked of it does nothing and is counted (<see cref="VirtqueueCounters.UsesAfterDispose"/>).
/// </remarks>
public abstract class Virtqueue : IDisposable
{
    /// <summary>
    /// Most malformed chains in a row; with one more the ring is broken. A driver never makes one and QEMU breaks the ring at the first. A few are borne here,
    /// because a front end that takes away memory under a running ring makes as many as the guest had in it there; not more than a burst's piece, because every
    /// sender to a broken ring is spared them.
    /// </summary>
    public const int MalformedRunMax = 16;

    private readonly RingLock _lock = new();
    private VirtqueueCounters _counters;
    private long _malformedNext;
    private long _malformedCounted;
    private int _malformedRun;

    private protected Virtqueue(VirtqueueLayout layout)
    {
        Layout = layout;
        View = new RingView(this);
    }

    /// <summary>What the queue is built from; replaced under the lock.</summary>
    internal VirtqueueLayout Layout { get; private protected set; }

    /// <summary>Number of the ring on the wire.</summary>
    public int Index => Layout.Index;

    /// <summary>Queue size in descriptors.</summary>
    public int Size => Layout.Size;

    /// <summary>The virtio features in force for the ring, as the front end acknowledged them (<see cref="VirtioFeatures"/>).</summary>
    public ulong Features => Layout.Features;

    /// <summary>Whether the guest's integers in this ring and its buffers have the other byte order than this machine's (SET_VRING_ENDIAN).</summary>
    public bool SwapsBytes => Layout.SwapBytes;

    /// <summary>What may be read without the lock.</summary>
    public RingView View { get; }

    /// <summary>The lock of this ring, for <see cref="RingSlot"/> and <see cref="LockedRing"/>; everybody else goes through them.</summary>
    internal RingLock Lock => _lock;

    /// <summary>The thread that works on the ring while it is in a <see cref="RingSlot"/>; null otherwise.</summary>
    internal IoThread? Thread { get; set; }

    /// <summary>The guest's kicks arrive here; null when the guest expects the queue to be polled. Set before the device is told to start the queue.</summary>
    public EventNotifier? Kick { get; set; }

    /// <summary>The guest's interrupts leave here; null when the guest polls. Replaced under the lock.</summary>
    public EventNotifier? CallNotifier { get; set; }

    /// <summary>Sends a call in-band instead, when INBAND_NOTIFICATIONS was negotiated and the ring has no notifier; null otherwise.</summary>
    public Action? CallInBand { get; set; }

    /// <summary>False while SET_VRING_ENABLE keeps the ring disabled: transmit buffers are taken and dropped, receive buffers stay untouched.</summary>
    public bool Enabled { get; set; }

    /// <summary>Whether the queue was disposed of: it is inert.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Set when the guest broke the ring; nothing is taken from it until it is started anew. Also set by <see cref="Dispose()"/>.</summary>
    public bool IsBroken { get; private protected set; }

    /// <summary>Why <see cref="IsBroken"/> was set, or the last chain was refused.</summary>
    public ChainStatus LastError { get; private protected set; }

    /// <summary>Why the last peek ended where it did. Needs the lock.</summary>
    public PeekEnd LastPeekEnd { get; private protected set; }

    /// <summary>Raised once, under the lock, when the ring breaks: the session tells the front end through the error notifier.</summary>
    public Action<Virtqueue>? Broken { get; set; }

    /// <summary>
    /// Called under the lock when a descriptor's I/O virtual address is unknown: the session asks the front end (IOTLB miss). Arguments: address, wants write.
    /// False when the front end has refused that access, so that the chain is malformed.
    /// </summary>
    public Func<ulong, bool, bool>? IotlbMissed { get; set; }

    /// <summary>What the queue did so far.</summary>
    public ref VirtqueueCounters Counters => ref _counters;

    /// <summary>
    /// Looks at the avail ring and fills <paramref name="burst"/> with up to <paramref name="max"/> chains, checked and translated, without taking them.
    /// Malformed chains are among them, marked. Needs the lock.
    /// </summary>
    /// <returns>The number of chains; 0 when there is none or the ring is broken.</returns>
    public abstract int Peek(ChainBurst burst, int max, ChainDirection direction);

    /// <summary>The same, taken from a turn's budget: what was read, and what came of it. How the data path peeks.</summary>
    public int Peek(ChainBurst burst, int max, ChainDirection direction, ref TurnBudget budget)
    {
        long malformed = _counters.MalformedChains;
        int count = Peek(burst, max, direction);
        _counters.Waiting = CountWaiting(count, max);
        _counters.Descriptors += LastWalked;
        budget.TakeDescriptors(LastWalked);
        budget.TakeChains(count);
        budget.TakeMalformed((int)(_counters.MalformedChains - malformed));
        return count;
    }

    /// <summary>How many chains wait, as far as that is known without another look at the guest's memory, or with a few now and then. Needs the lock.</summary>
    /// <param name="count">What the last peek gave.</param>
    /// <param name="max">What it might have given.</param>
    private protected abstract int CountWaiting(int count, int max);

    /// <summary><see cref="MalformedRunMax"/>, but for tests that go through malformed chains one by one.</summary>
    internal int MalformedRunLimit { get; set; } = MalformedRunMax;

    /// <summary>Descriptors that the last peek read, and pieces of guest memory beyond one for each, whatever came of them. Needs the lock.</summary>
    public int LastWalked { get; private protected set; }

    /// <summary>
    /// Counts a chain of the last peek, which the device goes on to complete with length 0, as malformed: its reader or writer has found what the ring can't
    /// see, as a receive buffer without room for a header. Too many in a row break the ring. Needs the lock.
    /// </summary>
    /// <param name="position">Which chain of the last peek.</param>
    public void RefuseChain(int position)
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        LastError = IsBroken ? LastError : ChainStatus.TooShort;
        NoteMalformed(position);
    }

    /// <summary>
    /// Takes the first <paramref name="count"/> chains of the last peek and shows them to the guest as used, with one index store. The rest will be peeked
    /// again. What the device wrote into a chain it has said in <see cref="Chain.Written"/>. Needs the lock.
    /// </summary>
    public abstract void Complete(int count);

    /// <summary>True when the guest has made a chain available that was not completed. Needs the lock.</summary>
    public abstract bool HasAvailable { get; }

    /// <summary>
    /// True when at least <paramref name="count"/> chains wait (a packed ring's chains taken as one descriptor each: a hint). Needs the lock.
    /// </summary>
    public abstract bool HasAtLeast(int count);

    /// <summary>
    /// Asks for the cache lines of the next <paramref name="count"/> descriptors, which the guest has probably made available already, so that the next peek
    /// doesn't wait for them. Needs the lock.
    /// </summary>
    public abstract void PrefetchNext(int count);

    /// <summary>Remembers that the first <paramref name="seen"/> peeked chains are known and not enough. Needs the lock.</summary>
    public abstract void RememberSeen(int seen);

    /// <summary>True when the guest has made chains available behind those that were remembered as seen. Needs the lock.</summary>
    public abstract bool HasUnseen { get; }

    /// <summary>Asks the guest not to kick. Needs the lock.</summary>
    public abstract void DisableNotifications();

    /// <summary>Asks the guest to kick, then looks again. Needs the lock.</summary>
    /// <param name="seen">Chains that were peeked and not completed: what is asked for is a kick for the next one after them.</param>
    /// <returns>True when nothing was added meanwhile, so that a kick is sure to come, or the ring is broken; false when the guest added a buffer.</returns>
    public abstract bool EnableNotifications(int seen = 0);

    /// <summary>Where the queue stands, as GET_VRING_BASE reports it (split: next avail index; packed: both positions with their wrap bits).</summary>
    public abstract uint Base { get; }

    /// <summary>Moves a running queue to a new layout (new memory table, addresses or log); size, index and ring format stay. Needs the lock.</summary>
    internal void Relocate(VirtqueueLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (layout.Size != Layout.Size || layout.Index != Layout.Index || ((layout.Features ^ Layout.Features) & VirtioFeatures.RING_PACKED) != 0)
        {
            throw new ArgumentException($"queue {Index} can only be moved to a layout of the same size and format", nameof(layout));
        }

        if (IsDisposed)
        {
            Refuse();
            return;
        }

        Layout = layout;
        ApplyLayout();
    }

    /// <summary>Interrupts the guest if it wants that for what was completed since the last call. One full fence. Needs the lock.</summary>
    public void NotifyGuest()
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        if (CallNotifier is null && CallInBand is null)
        {
            // The guest polls; asking it would cost a fence for nothing.
            return;
        }

        if (!ShouldCall())
        {
            _counters.CallsSuppressed++;
            return;
        }

        _counters.Calls++;
        if (CallNotifier is { } notifier)
        {
            notifier.Set();
        }
        else
        {
            CallInBand!();
        }
    }

    /// <summary>
    /// Has something done to the ring under its lock by a thread that must not wait for long, the control thread: it tries for
    /// <see cref="RingLock.ControlWaitNs"/>, then asks the thread that works on the ring (<see cref="RingThread.RunOnOrHere"/> says what bounds that). Not by
    /// somebody who holds the lock.
    /// </summary>
    /// <param name="action">What to do; it runs on one of the two threads, before this returns. Its exception is thrown here.</param>
    public void RunLocked(Action<Virtqueue> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        if (_lock.TryEnterFor(RingLock.ControlWaitNs))
        {
            RunAndLeave(action);
        }
        else if (Thread is { } thread)
        {
            Interlocked.Increment(ref _counters.ControlRequests);
            RingThread.RunOnOrHere(thread, () => EnterAndRun(action));
        }
        else
        {
            // Nobody works on it but whoever is about to leave.
            EnterAndRun(action);
        }
    }

    /// <summary>
    /// Ends the queue, under its lock: pointers become null, native memory is freed, and what is still asked of it does nothing. A second call does nothing.
    /// </summary>
    public void Dispose()
    {
        RunLocked(static queue => queue.DisposeLocked());
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Whether the guest wants an interrupt for the used entries published since the last such question (virtio 1.3 sections 2.7.7.2 and 2.8.10).
    /// </summary>
    private protected abstract bool ShouldCall();

    /// <summary>Takes over pointers and options from <see cref="Layout"/>.</summary>
    private protected abstract void ApplyLayout();

    /// <summary>Frees what the queue allocated.</summary>
    private protected abstract void Dispose(bool disposing);

    /// <summary>Counts a use after the end; called on paths that have found the queue broken or disposed of.</summary>
    /// <returns>False, for members that answer so.</returns>
    private protected bool Refuse()
    {
        if (IsDisposed)
        {
            _counters.UsesAfterDispose++;
        }

        return false;
    }

    /// <summary>More was completed than was peeked: nothing after the end of the queue, a mistake of its user's before.</summary>
    private protected void RefuseComplete(int count, int peeked)
    {
        if (!IsDisposed)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"Ring {Index}: {peeked} chains were peeked and {count} are to be completed.");
        }

        Refuse();
    }

    /// <summary>Counts a malformed chain at a position of the running peek; false when it was one too many in a row, and the ring is broken.</summary>
    private protected bool NoteMalformed(int position)
    {
        // A chain is known by how many were completed before it, so that one that is peeked again counts once.
        long number = _counters.Chains + position;
        _malformedRun = number == _malformedNext ? _malformedRun + 1 : 1;
        _malformedNext = number + 1;
        if (number >= _malformedCounted)
        {
            _malformedCounted = number + 1;
            _counters.MalformedChains++;
        }

        if (_malformedRun <= MalformedRunLimit || IsBroken)
        {
            // Broken by a head behind this one, the ring still gives what stands before that.
            return true;
        }

        _counters.BrokenByMalformed++;
        Break(ChainStatus.MalformedRun);
        return false;
    }

    private protected void Break(ChainStatus status)
    {
        if (!IsBroken)
        {
            IsBroken = true;
            LastError = status;
            LastPeekEnd = PeekEnd.Broken;
            Broken?.Invoke(this);
        }
    }

    private void EnterAndRun(Action<Virtqueue> action)
    {
        _lock.Enter();
        RunAndLeave(action);
    }

    private void RunAndLeave(Action<Virtqueue> action)
    {
        try
        {
            action(this);
        }
        finally
        {
            _lock.Exit();
        }
    }

    private void DisposeLocked()
    {
        if (IsDisposed)
        {
            return;
        }

        IsDisposed = true;
        IsBroken = true;
        LastPeekEnd = PeekEnd.Broken;
        Broken = null;
        IotlbMissed = null;
        CallNotifier = null;
        CallInBand = null;
        Layout = Layout with
        {
            Descriptors = 0,
            Driver = 0,
            Device = 0,
            Buffers = AddressSpace.Empty,
            Host = AddressSpace.Empty,
            Log = null,
            UsedLogAddress = null,
            Inflight = null,
        };
        Dispose(true);
    }
}
