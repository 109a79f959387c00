using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>What the front end may make us keep, and what its messages cost.</content>
public sealed partial class VhostUserSession
{
    private const long JobNs = 100_000_000;

    /// <summary>One ring looked at after a message: its layout is built, and the device told when it changed.</summary>
    private const int RingCost = 512;

    /// <summary>One region in a new table: sorted three times, retained, released.</summary>
    private const int RegionCost = 512;

    /// <summary>One translation while the space is built anew: found, cut, sorted, merged.</summary>
    private const int TranslationCost = 256;

    /// <summary>System calls that a received notifier takes: what it is, its flags, its close.</summary>
    private const int NotifierCalls = 5;

    /// <summary>System calls that a mapping takes: the file's facts, seals and pages, mmap, munmap, close.</summary>
    private const int MappingCalls = 12;

    /// <summary>Descriptors sent to a front end that does not read its answers.</summary>
    private const int UnreadDescriptorsMax = 8;

    private readonly SessionQuotas _quotas;
    private readonly QuotaCounters _counters;
    private readonly StrangerCloser _closer;
    private readonly RateLimit _jobs;
    private readonly BottomHalf _startRings;
    private TurnBudget _startBudget;
    private bool _hasMessages;
    private int _sentDescriptors;

    /// <summary>Use and refusals; any thread may read it.</summary>
    public QuotaCounters Quotas => _counters;

    /// <summary>What was taken from the present or the last turn, in nominal nanoseconds.</summary>
    internal long TurnSpent => Turn.Spent;

    /// <summary>The turn that messages are handled in.</summary>
    private ref TurnBudget Turn => ref _channel.Turn;

    private static ChannelOptions MakeChannelOptions(
        SessionQuotas quotas, StrangerCloser closer, QuotaCounters counters, AioClock clock, Action<string> warn)
    {
        return new ChannelOptions
        {
            Closer = closer,
            HalfReceivedNs = quotas.HalfReceivedMs * 1_000_000L,
            Clock = clock,
            HalfReceived = () => counters.HalfReceivedEnded++,
            HeldUp = warn,
        };
    }

    /// <summary>Refuses descriptors that would take the session over its quota, or the process into its reserve. What replaces something is always taken.</summary>
    private void CheckKept(MessageSpec spec, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        // Regions are looked at where it is known whether they are new; REM_MEM_REG's is closed.
        if (!descriptors.IsEmpty && spec.Code is not (RequestCode.ADD_MEM_REG or RequestCode.REM_MEM_REG))
        {
            CheckKept(spec.Code, descriptors.Count - CountReplaced(spec.Code, payload), descriptors.HighestNumber);
        }
    }

    private void CheckKept(RequestCode code, int added, int highest)
    {
        if (added <= 0)
        {
            return;
        }

        if (CountKept() + added > _quotas.Descriptors)
        {
            _counters.DescriptorsRefused++;
            throw new ProtocolException(
                $"{code} would take the descriptors that are kept for this front end from {CountKept()} to {CountKept() + added}; {_quotas.Descriptors} are allowed " +
                "(quotas.descriptors)");
        }

        if (!DescriptorReserve.Admits(highest))
        {
            _counters.ReserveRefused++;
            throw new ProtocolException(ReserveText(code));
        }
    }

    /// <summary>Refuses to open a descriptor for the front end while the process has only its reserve left.</summary>
    private void CheckRoom(RequestCode code)
    {
        if (!DescriptorReserve.HasRoom())
        {
            _counters.ReserveRefused++;
            throw new ProtocolException(ReserveText(code));
        }
    }

    private static string ReserveText(RequestCode code) =>
        $"{code} needs a descriptor, and this process has only its reserve of {DescriptorReserve.Reserve} of {DescriptorReserve.Limit} left, which is for what runs " +
        "already (descriptors.reserve)";

    private void CheckRegions(int added, FdCollection descriptors)
    {
        if (_state.Memory.Regions.Count + added > _quotas.Regions)
        {
            _counters.RegionsRefused++;
            throw new ProtocolException(
                $"a memory region more than the {_quotas.Regions} that GET_MAX_MEM_SLOTS tells was added (quotas.regions)");
        }

        CheckKept(RequestCode.ADD_MEM_REG, added, descriptors.HighestNumber);
    }

    private int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => code switch
    {
        RequestCode.SET_MEM_TABLE => _state.Memory.Regions.Count,
        RequestCode.SET_LOG_BASE => Count(_state.Log),
        RequestCode.SET_LOG_FD => Count(_logNotifier),
        RequestCode.SET_INFLIGHT_FD => Count(_state.Inflight),
        RequestCode.SET_BACKEND_REQ_FD => Count(_backendChannel),
        RequestCode.SET_DEVICE_STATE_FD => Count(_transfer),
        RequestCode.SET_VRING_KICK => FindNamed(payload) is { IsKickInBand: false } ring ? Count(ring.Kick) : 0,
        RequestCode.SET_VRING_CALL => Count(FindNamed(payload)?.Call),
        RequestCode.SET_VRING_ERR => Count(FindNamed(payload)?.Error),
        _ => 0,
    };

    private RingState? FindNamed(ReadOnlySpan<byte> payload)
    {
        int index = (int)Wire.Read<VringFdPayload>(payload).Index;
        return (uint)index < (uint)_state.Rings.Length ? _state.Rings[index] : null;
    }

    private static int Count(object? kept) => kept is null ? 0 : 1;

    private int CountKept()
    {
        int kept = 1 + _state.Memory.Regions.Count + (_unconfirmedMemory?.Regions.Count ?? 0) + Count(_state.Log) + Count(_logNotifier) + Count(_state.Inflight)
            + Count(_backendChannel) + Count(_transfer) + Count(_userFault);
        foreach (RingState ring in _state.Rings)
        {
            kept += Count(ring.Kick) + Count(ring.Call) + Count(ring.Error);
        }

        return kept;
    }

    private void UpdateUse()
    {
        _counters.Regions = _ended ? 0 : _state.Memory.Regions.Count;
        _counters.Descriptors = _ended ? 0 : CountKept();
        _counters.IotlbEntries = _ended ? 0 : _state.Iotlb.Entries.Count;
        _counters.IotlbEvicted += _state.Iotlb.TakeEvicted();
    }

    /// <summary>
    /// Makes the rings follow the state. Stopping and moving is done at once, as the front end relies on it; rings that are to start begin in later turns when there
    /// are too many of them, or too large ones, for this one.
    /// </summary>
    private void Reconcile()
    {
        Turn.Take((long)_state.Rings.Length * RingCost);
        _rings.Reconcile();
    }

    /// <summary>Whether a ring may start in this turn.</summary>
    private bool MayStart(RingState ring)
    {
        if (_startBudget.IsSpent)
        {
            _startRings.Schedule();
            return false;
        }

        // Its virtqueue is made, the device told, an inflight area gone through and, packed, its slots read.
        long before = _startBudget.Left;
        _startBudget.TakeCalls(10, _state.IsPacked ? PackedRingScan.BytesMax(ring.Size) : 0);
        _startBudget.TakeDescriptors(_state.Inflight is null ? ring.Size : 2 * ring.Size);
        Turn.Take(before - _startBudget.Left);
        return true;
    }

    private void BeginStarting() => _startBudget = new TurnBudget(TurnBudget.Turn / 2);

    private void StartMoreRings()
    {
        if (_ended)
        {
            return;
        }

        BeginStarting();
        try
        {
            _rings.Reconcile();
        }
        catch (Exception e) when (e is GuestMemoryException or ErrnoException or ProtocolException)
        {
            Log.Warning($"a ring that was to start later did not: {e.Message}");
        }

        UpdateUse();
    }

    private void Announce(ulong address)
    {
        if (!_jobs.TryTake())
        {
            _counters.JobsRefused++;
            _reply.Decline($"{_quotas.Jobs} announcements at once and then ten a second are taken (quotas.jobs)");
            return;
        }

        AskDevice(DeviceRequestKind.Announce, address);
    }

    /// <summary>
    /// Refuses to send one more descriptor to a front end that has not read the last ones: what is on its way counts against a limit of our user, which all guests
    /// share, and not against the front end's.
    /// </summary>
    private void CheckUnread(RequestCode code)
    {
        if (!_channel.HasUnread)
        {
            _sentDescriptors = 0;
        }
        else if (_sentDescriptors >= UnreadDescriptorsMax)
        {
            _counters.DescriptorsRefused++;
            throw new ProtocolException($"{code} asks for one more descriptor, and {_sentDescriptors} that were sent before were not read");
        }

        _sentDescriptors++;
    }

    /// <summary>Says something that another thread found out.</summary>
    private void WarnLater(string warning) => _context.ScheduleOneShot(() => Log.Warning(warning), "warning");

    /// <summary>Takes an eventfd of the front end over, so that this thread never waits for it, and no thread for long.</summary>
    private EventNotifier MakeForeignNotifier(FileDescriptor descriptor) => new(descriptor, _context) { Stuck = OnStuck };

    /// <summary>On the watchdog's thread: a write to a notifier did not come back, because the front end filled its counter and made it block.</summary>
    private void OnStuck(EventNotifier notifier) => _context.ScheduleOneShot(EndAsHostile, "stuck-notifier");

    private void EndAsHostile()
    {
        if (!_ended)
        {
            _counters.StuckNotifiers++;
            _channel.Close("an eventfd of the front end made a thread of this process wait in a write: its counter is full and O_NONBLOCK was taken away; no driver does that");
        }
    }
}
