using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.State;

/// <summary>How a session is to behave; the same for all sessions of an endpoint.</summary>
public sealed record SessionOptions
{
    /// <summary>
    /// The protocol features offered by default: all that are implemented, without three. QEMU acknowledges every bit below its own highest one,
    /// INBAND_NOTIFICATIONS among them, which it does not implement. Bit 21, GPA_ADDRESSES, is SHMEM to some releases of rust-vmm. And with PAGEFAULT a
    /// front end decides how long a thread of ours waits for a page; meanwhile no garbage collection can end, so all guests wait with it.
    /// </summary>
    public const ulong DefaultProtocolFeatures = ImplementedProtocolFeatures
        & ~(ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.GPA_ADDRESSES | ProtocolFeatures.PAGEFAULT);

    /// <summary>Protocol features that need nothing of the device.</summary>
    internal const ulong SessionProtocolFeatures =
        ProtocolFeatures.REPLY_ACK | ProtocolFeatures.BACKEND_REQ | ProtocolFeatures.CROSS_ENDIAN | ProtocolFeatures.RESET_DEVICE
        | ProtocolFeatures.CONFIGURE_MEM_SLOTS | ProtocolFeatures.STATUS | ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.GPA_ADDRESSES
        | ProtocolFeatures.LOG_SHMFD | ProtocolFeatures.PAGEFAULT | ProtocolFeatures.BACKEND_SEND_FD | ProtocolFeatures.INFLIGHT_SHMFD
        | ProtocolFeatures.GET_VRING_BASE_INFLIGHT | ProtocolFeatures.GET_VRING_BASE_SKIP_DRAIN;

    /// <summary>Protocol features that a device may add (<see cref="IVhostUserDevice.ProtocolFeatures"/>).</summary>
    internal const ulong DeviceProtocolFeatures =
        ProtocolFeatures.MQ | ProtocolFeatures.RARP | ProtocolFeatures.MTU | ProtocolFeatures.CONFIG | ProtocolFeatures.DEVICE_STATE;

    /// <summary>All that is implemented.</summary>
    public const ulong ImplementedProtocolFeatures = SessionProtocolFeatures | DeviceProtocolFeatures;

    /// <summary>Protocol features that may be offered; the device's own choice limits them further.</summary>
    public ulong AllowedProtocolFeatures { get; init; } = DefaultProtocolFeatures;

    /// <summary>What to do with guest memory whose file could be shrunk.</summary>
    public SealPolicy SealPolicy { get; init; } = SealPolicy.Warn;

    /// <summary>
    /// Most bytes of address space that a session's guest memory may take: a sparse file can have any size, and the address space is shared with the other
    /// guests.
    /// </summary>
    public ulong MappedBytesMax { get; init; } = 16UL << 40;

    /// <summary>What the front end may make us keep.</summary>
    public SessionQuotas Quotas { get; init; } = new();

    /// <summary>Where the session says what happens.</summary>
    public ISessionLog Log { get; init; } = NullSessionLog.Instance;

    /// <summary>Counts use and refusals; the endpoint's. Null: the session makes its own.</summary>
    internal QuotaCounters? Counters { get; init; }

    /// <summary>Closes what front ends sent; the endpoint's. Null: the session makes its own.</summary>
    internal StrangerCloser? Closer { get; init; }

    /// <summary>The clock of quotas; tests replace it.</summary>
    internal AioClock Clock { get; init; } = AioClock.Monotonic;

    /// <summary>
    /// Whether the front end's mappings are looked at, once a session, on a thread of their own; the fuzzer has thousands of sessions a second.
    /// </summary>
    internal bool LooksForPrivateMemory { get; init; } = true;

    /// <summary>Makes virtqueues; replaced by tests.</summary>
    internal Func<VirtqueueLayout, uint, Virtqueue>? CreateVirtqueue { get; init; }
}
