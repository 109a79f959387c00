using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using static VhostNet.VhostUser.Protocol.ProtocolFeatures;

namespace VhostNet.VhostUser.Frontend;

/// <content>The proper sequences: negotiation, memory, rings, migration, reconnection.</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>Device status bits of virtio 1.3 section 2.1.</summary>
    private const int STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8;

    private readonly List<GuestRegion> _shared = [];
    private readonly Dictionary<int, uint> _bases = [];
    private MigrationLog? _log;
    private byte _status;

    /// <summary>The guest memory that was shared last.</summary>
    public GuestMemory? Memory { get; private set; }

    /// <summary>The area in which the back end records what is in flight; sent again on <see cref="Reconnect"/>. Owned by the caller.</summary>
    public InflightHandle? Inflight { get; set; }

    /// <summary>Negotiates features in the order in which QEMU does it and marks the session as owned.</summary>
    /// <exception cref="VhostUserFrontendException">The back end refused, or hung up.</exception>
    public void Negotiate()
    {
        OfferedFeatures = GetFeatures();
        ProtocolFeatures = 0;
        ulong features = OfferedFeatures & Options.Features;
        if ((features & VirtioFeatures.PROTOCOL_FEATURES) != 0)
        {
            OfferedProtocolFeatures = GetProtocolFeatures();
            SetProtocolFeatures(ConsistentProtocolFeatures(OfferedProtocolFeatures & Options.ProtocolFeatures));
            QueueNum = (ProtocolFeatures & MQ) != 0 ? GetQueueNum() : 1;
            MemorySlotsMax = (ProtocolFeatures & CONFIGURE_MEM_SLOTS) != 0 ? GetMaxMemSlots() : MemoryRegionPayload.TableMax;
        }

        SetOwner();
        _status = 0;
        AddStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
        SetFeatures(features);
        AddStatus(STATUS_FEATURES_OK);
    }

    /// <summary>
    /// Shares guest memory. The first call sends all regions; a later one, which may come while rings run, sends what changed (with memory slots) or the
    /// whole table.
    /// </summary>
    public void ShareMemory(GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Memory = memory;
        if ((ProtocolFeatures & CONFIGURE_MEM_SLOTS) != 0 && Options.UseMemorySlots)
        {
            foreach (GuestRegion gone in _shared.Except(memory.Regions))
            {
                RemMemReg(gone);
            }

            foreach (GuestRegion added in memory.Regions.Except(_shared))
            {
                AddMemReg(added);
            }
        }
        else
        {
            SetMemTable(memory.Regions);
        }

        _shared.Clear();
        _shared.AddRange(memory.Regions);
    }

    /// <summary>Makes a driver queue with the negotiated features in the shared memory.</summary>
    /// <param name="index">Number of the ring on the wire.</param>
    /// <param name="size">Queue size in descriptors.</param>
    public DriverQueue CreateQueue(int index, int size = 256) =>
        DriverQueue.Create(
            Memory ?? throw new InvalidOperationException("share memory before making a queue"),
            new DriverQueueOptions { Index = index, Size = size, Features = Features });

    /// <summary>Tells the back end of a ring and starts it, at the position where it stands.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="enable">Whether to enable it too; without protocol features every ring is enabled anyway.</param>
    /// <param name="position">Where the back end begins; null for where it stopped last, or the queue's start.</param>
    public void StartQueue(DriverQueue queue, bool enable = true, uint? position = null)
    {
        ArgumentNullException.ThrowIfNull(queue);
        SetVringNum(queue.Index, (uint)queue.Size);
        SetVringBase(queue.Index, position ?? (_bases.TryGetValue(queue.Index, out uint last) ? last : queue.StartBase));
        SetVringAddr(AddressOf(queue, _log is not null));
        SetVringErr(queue.Index, queue.Error);
        _queues.RemoveAll(q => q.Queue.Index == queue.Index);
        _queues.Add(new StartedQueue(queue) { Enabled = enable });

        // Enabled first: a transmit ring that starts disabled is emptied and dropped.
        if (enable && (Features & VirtioFeatures.PROTOCOL_FEATURES) != 0)
        {
            SetVringEnable(queue.Index, true);
        }

        if ((ProtocolFeatures & INBAND_NOTIFICATIONS) == 0)
        {
            SetVringCall(queue.Index, queue.Call);
            SetVringKick(queue.Index, queue.Kick);
        }
        else
        {
            queue.KickInBand = q => VringKick(q.Index);
        }

        // DPDK does not touch a ring before it, once STATUS is negotiated.
        AddStatus(STATUS_DRIVER_OK);

        // Back ends that follow the older text start a ring at its first kick; in-band, the kick is the start in any case.
        queue.KickNow();
    }

    /// <summary>Stops a ring with GET_VRING_BASE and remembers its position for the next start.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="skipDrain">Leave what is in flight in the inflight area (GET_VRING_BASE_SKIP_DRAIN).</param>
    /// <returns>The position.</returns>
    public uint StopQueue(DriverQueue queue, bool skipDrain = false)
    {
        ArgumentNullException.ThrowIfNull(queue);
        uint position = skipDrain ? GetVringBaseSkipDrain(queue.Index) : GetVringBase(queue.Index);
        _bases[queue.Index] = position;
        _queues.RemoveAll(q => q.Queue == queue);
        return position;
    }

    /// <summary>Resets a ring as VIRTIO_F_RING_RESET lets a guest do it: stops it, forgets what was in it, and leaves it ready to be started anew.</summary>
    public void ResetQueue(DriverQueue queue)
    {
        StopQueue(queue);
        _bases.Remove(queue.Index);
        queue.Reset();
    }

    /// <summary>Enables or disables a ring.</summary>
    public void EnableQueue(DriverQueue queue, bool enabled)
    {
        ArgumentNullException.ThrowIfNull(queue);
        SetVringEnable(queue.Index, enabled);
        foreach (StartedQueue started in _queues.Where(q => q.Queue == queue))
        {
            started.Enabled = enabled;
        }
    }

    /// <summary>Begins a migration: shares the log, turns LOG_ALL on, and logs used rings too. Rings may run.</summary>
    public void StartLogging(MigrationLog log)
    {
        SetLogBase(log);
        SetFeatures(Features | VirtioFeatures.LOG_ALL);
        _log = log;
        foreach (StartedQueue started in _queues)
        {
            SetVringAddr(AddressOf(started.Queue, true));
        }
    }

    /// <summary>Ends a migration that was called off: turns logging off again.</summary>
    public void StopLogging()
    {
        SetFeatures(Features & ~VirtioFeatures.LOG_ALL);
        _log = null;
        foreach (StartedQueue started in _queues)
        {
            SetVringAddr(AddressOf(started.Queue, false));
        }
    }

    /// <summary>
    /// Goes on with a new back end after the old one went away: negotiates the same features, shares memory anew and starts every ring that was started,
    /// at <see cref="DriverQueue.RestartBase"/> or, with an inflight area, where the used ring stands.
    /// </summary>
    /// <exception cref="VhostUserFrontendException">The new back end lacks a feature that the rings use.</exception>
    public void Reconnect(FileDescriptor socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        BackendRequests?.Dispose();
        BackendRequests = null;
        _socket.Dispose();
        _socket = new FrontendSocket(socket, Options.Progress, Options.Deliver);
        ulong features = Features;
        Negotiate();
        if ((features & ~OfferedFeatures) != 0)
        {
            throw new VhostUserFrontendException(
                FrontendError.NotOffered, $"the new back end offers features 0x{OfferedFeatures:x}, which lack 0x{features & ~OfferedFeatures:x} of those in use");
        }

        SetFeatures(features);
        _shared.Clear();
        if (Memory is { } memory)
        {
            ShareMemory(memory);
        }

        if (Inflight is { } inflight)
        {
            SetInflight(inflight);
        }

        foreach (StartedQueue started in _queues.ToArray())
        {
            StartQueue(started.Queue, started.Enabled, started.Queue.RestartBase);
        }
    }

    /// <summary>The addresses of a ring in the space that the negotiated features choose.</summary>
    public VringAddress AddressOf(DriverQueue queue, bool log)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return new VringAddress(
            (uint)queue.Index, log ? VringAddress.LogFlag : 0, RingAddress(queue.DescriptorAddress), RingAddress(queue.DeviceAddress), RingAddress(queue.DriverAddress),
            log ? queue.DeviceAddress : 0);
    }

    /// <summary>Steps of a driver's initialisation (virtio 1.3 section 3.1.1), told where STATUS is negotiated.</summary>
    private void AddStatus(int bits)
    {
        if ((ProtocolFeatures & STATUS) != 0 && (_status & bits) != bits)
        {
            _status |= (byte)bits;
            SetStatus(_status);
        }
    }

    /// <summary>Behind a vIOMMU rings have I/O virtual addresses, for which this front end uses the guest's own numbers.</summary>
    private ulong RingAddress(ulong guestAddress)
    {
        bool untranslated = (ProtocolFeatures & GPA_ADDRESSES) != 0 || (Features & VirtioFeatures.ACCESS_PLATFORM) != 0;
        return untranslated ? guestAddress : Memory!.UserAddress(guestAddress);
    }

    /// <summary>Leaves out the bits whose prerequisites are not there, because a back end has to hang up on those.</summary>
    private static ulong ConsistentProtocolFeatures(ulong features)
    {
        if ((features & (REPLY_ACK | BACKEND_REQ)) != (REPLY_ACK | BACKEND_REQ))
        {
            features &= ~INBAND_NOTIFICATIONS;
        }

        if ((features & INFLIGHT_SHMFD) == 0)
        {
            features &= ~(GET_VRING_BASE_INFLIGHT | GET_VRING_BASE_SKIP_DRAIN);
        }

        return (features & GET_VRING_BASE_INFLIGHT) == 0 ? features & ~GET_VRING_BASE_SKIP_DRAIN : features;
    }
}
