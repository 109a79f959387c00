using System.Collections.Concurrent;
using VhostNet.Aio;
using VhostNet.Aio.Monitors;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.TestKit;

/// <summary>
/// A loop-back device for tests: what the guest sends on ring 2i + 1 comes back on ring 2i, chain by chain, cut to what the receiving chain holds. Its
/// data path runs on an IoThread of its own; everything else is recorded.
/// </summary>
public sealed unsafe class EchoDevice : IVhostUserDevice, IDisposable
{
    private readonly IoThread _thread;
    private readonly RingSlot[] _queues;
    private readonly ChainBurst _source = new();
    private readonly ChainBurst _target = new();
    private readonly byte[] _config = new byte[64];
    private int _sources;

    private readonly bool _ownsThread;

    /// <param name="pairs">Queue pairs.</param>
    /// <param name="policy">How its thread waits.</param>
    /// <param name="thread">A thread of the caller's for the data path; null for one of its own.</param>
    public EchoDevice(int pairs = 1, PollPolicy policy = PollPolicy.Interrupt, IoThread? thread = null)
    {
        _queues = new RingSlot[2 * pairs];
        for (int i = 0; i < _config.Length; i++)
        {
            _config[i] = (byte)(0xc0 + i);
        }

        _ownsThread = thread is null;
        if (thread is not null)
        {
            _thread = thread;
            return;
        }

        _thread = new IoThread(new IoThreadOptions
        {
            Name = "echo",
            Policy = policy,
            Context = new AioContextOptions { Name = "echo", FdMonitor = FdMonitorKind.Epoll },
            UnhandledException = e => Failure ??= e,
        });
        _thread.Start();
    }

    public ulong Features { get; init; } =
        VirtioFeatures.VERSION_1 | VirtioFeatures.ANY_LAYOUT | VirtioFeatures.NOTIFY_ON_EMPTY | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX
        | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER | VirtioFeatures.RING_RESET | VirtioFeatures.LOG_ALL;

    public ulong ProtocolFeatures { get; init; } = ulong.MaxValue;

    public int QueueCountMax => _queues.Length;

    public int QueueNumAnswer => _queues.Length / 2;

    /// <summary>What went wrong on the data path; null when nothing did.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The features that were acknowledged last.</summary>
    public ulong Negotiated { get; private set; }

    public ConcurrentQueue<DeviceRequest> Requests { get; } = new();

    /// <summary>Called with every request, on the control thread.</summary>
    public Action<DeviceRequest>? Handled { get; init; }

    /// <summary>What <see cref="Handle"/> answers.</summary>
    public bool Accepts { get; set; } = true;

    /// <summary>What was loaded last, and what is saved.</summary>
    public byte[] DeviceState { get; set; } = [];

    public long Echoed { get; private set; }

    public long Dropped { get; private set; }

    public long Malformed { get; private set; }

    public int StartedQueues => _queues.Count(q => !q.IsEmpty);

    public void FeaturesNegotiated(ulong features) => Negotiated = features;

    /// <summary>Runs an action between two bursts of the data path.</summary>
    public void OnDataPath(Action action) => _thread.Run(action);

    public void StartQueue(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _thread.Run(() =>
        {
            if (queue.Kick is { } kick)
            {
                _thread.Context.SetEventNotifier(
                    kick,
                    () =>
                    {
                        if (kick.TestAndClear())
                        {
                            queue.Counters.Kicks++;
                        }

                        Work(queue.Index);
                    });
            }

            _queues[queue.Index].Put(queue, _thread);
            Work(queue.Index);
        });
    }

    public void StopQueue(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _thread.Run(() =>
        {
            if (queue.Kick is { } kick)
            {
                _thread.Context.SetEventNotifier(kick, null);
            }

            if (_queues[queue.Index].TryLock(out LockedRing ring))
            {
                _queues[queue.Index].Clear(ring);
                ring.Dispose();
            }
        });
    }

    public void QueueChanged(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _thread.Run(() => Work(queue.Index));
    }

    public bool Handle(in DeviceRequest request)
    {
        Requests.Enqueue(request);
        Handled?.Invoke(request);
        return Accepts;
    }

    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian)
    {
        if (offset > _config.Length || destination.Length > _config.Length - offset)
        {
            return false;
        }

        _config.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>The first eight bytes are writable by the guest, all by a migration.</summary>
    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration)
    {
        int end = migration ? _config.Length : 8;
        if (offset > end || source.Length > end - offset)
        {
            return false;
        }

        source.CopyTo(_config.AsSpan((int)offset));
        return true;
    }

    public byte[] SaveState() => DeviceState;

    public bool LoadState(ReadOnlySpan<byte> state)
    {
        DeviceState = state.ToArray();
        return Accepts;
    }

    public void Dispose()
    {
        if (_ownsThread)
        {
            _thread.Dispose();
        }

        _source.Dispose();
        _target.Dispose();
    }

    private void Work(int index)
    {
        bool idle;
        do
        {
            bool transmits = _queues[index | 1].TryLock(out LockedRing transmit);
            bool receives = _queues[index & ~1].TryLock(out LockedRing receive);
            try
            {
                idle = !WorkLocked(transmits ? transmit.Queue : null, receives ? receive.Queue : null);
            }
            finally
            {
                if (receives)
                {
                    receive.Dispose();
                }

                if (transmits)
                {
                    transmit.Dispose();
                }
            }
        }
        while (!idle);
    }

    /// <summary>False when there is nothing left to do.</summary>
    private bool WorkLocked(Virtqueue? transmit, Virtqueue? receive)
    {
        transmit?.DisableNotifications();
        receive?.DisableNotifications();
        if (Burst(transmit, receive))
        {
            return true;
        }

        // Only what is waited for is asked for a kick: room while there are messages, messages otherwise.
        bool wantsRoom = _sources > 0;
        Virtqueue? waitsFor = wantsRoom ? receive : transmit;

        // An address that the front end was asked for is followed by QueueChanged, not by a kick.
        return !(waitsFor is null or { LastPeekEnd: PeekEnd.IotlbMiss } || (wantsRoom && !waitsFor.Enabled) || waitsFor.EnableNotifications());
    }

    /// <summary>Moves one burst; false when nothing moved.</summary>
    private bool Burst(Virtqueue? transmit, Virtqueue? receive)
    {
        int sources = _sources = transmit?.Peek(_source, ChainBurst.ChainsMax, ChainDirection.Readable) ?? 0;
        int targets = receive is { Enabled: true } ? receive.Peek(_target, ChainBurst.ChainsMax, ChainDirection.Writable) : 0;
        int taken = 0, filled = 0;
        while (taken < sources)
        {
            if (!transmit!.Enabled)
            {
                Dropped++;
                taken++;
            }
            else if (_source[taken].IsMalformed)
            {
                Malformed++;
                taken++;
            }
            else if (SkipMalformedTargets(ref filled, targets) < targets)
            {
                Echo(taken++, filled++);
            }
            else
            {
                break;
            }
        }

        SkipMalformedTargets(ref filled, targets);
        Complete(receive, filled);
        Complete(transmit, taken);
        return taken + filled > 0;
    }

    private int SkipMalformedTargets(ref int filled, int targets)
    {
        while (filled < targets && _target[filled].IsMalformed)
        {
            Malformed++;
            filled++;
        }

        return filled;
    }

    private static void Complete(Virtqueue? queue, int count)
    {
        if (count > 0)
        {
            queue!.Complete(count);
            queue.NotifyGuest();
        }
    }

    private void Echo(int source, int target)
    {
        // SAFETY: both chains were checked and translated by the queues, whose locks are held until they are completed.
        uint left = Math.Min(_source[source].TotalLength, _target[target].TotalLength);
        _target[target].Written = left;
        Echoed++;
        (int sourceSegment, int targetSegment) = (0, 0);
        (uint sourceOffset, uint targetOffset) = (0, 0);
        while (left > 0)
        {
            GuestSegment from = Segment(_source, source, sourceSegment), to = Segment(_target, target, targetSegment);
            uint part = Math.Min(left, Math.Min(from.Length - sourceOffset, to.Length - targetOffset));
            Buffer.MemoryCopy((byte*)from.Address + sourceOffset, (byte*)to.Address + targetOffset, part, part);
            left -= part;
            Step(ref sourceSegment, ref sourceOffset, part, from.Length);
            Step(ref targetSegment, ref targetOffset, part, to.Length);
        }
    }

    private static void Step(ref int segment, ref uint offset, uint part, uint length)
    {
        offset += part;
        if (offset == length)
        {
            segment++;
            offset = 0;
        }
    }

    private static GuestSegment Segment(ChainBurst burst, int chain, int segment)
    {
        ref Chain c = ref burst[chain];
        return burst.SegmentOf(in c, segment);
    }
}
