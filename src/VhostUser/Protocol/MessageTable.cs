using VhostNet.VhostUser.Virtqueues;
using static VhostNet.VhostUser.Protocol.RequestCode;

namespace VhostNet.VhostUser.Protocol;

/// <summary>The front end's messages, one row each ("Front-end message types"). The dispatcher checks the row; no handler repeats it.</summary>
internal static class MessageTable
{
    /// <summary>Highest request number.</summary>
    public const int RequestMax = 45;

    private const int U64 = sizeof(ulong);
    private const int RegionTableMax = MemoryRegionPayload.PrefixSize + (MemoryRegionPayload.TableMax * MemoryRegionPayload.Size);
    private const int SingleRegion = MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size;
    private const int ConfigMax = ConfigHeader.Size + ConfigHeader.LengthMax;

    private static readonly MessageSpec?[] s_rows = Build(
    [
        new(GET_FEATURES, 0, 0) { Reply = ReplyKind.Own },
        new(SET_FEATURES, U64, U64) { TouchesRings = true },
        new(SET_OWNER, 0, 0),
        new(RESET_OWNER, 0, 0),

        // During postcopy the front end answers our reply with a u64 under the same number, hence the lower bound, here and of ADD_MEM_REG.
        new(SET_MEM_TABLE, U64, RegionTableMax) { DescriptorsMax = MemoryRegionPayload.TableMax, TouchesRings = true, Reply = ReplyKind.Conditional },

        // Without LOG_SHMFD the payload is an address in the front end, which no other process can use.
        new(SET_LOG_BASE, U64, LogPayload.Size) { DescriptorsMax = 1, TouchesRings = true, Reply = ReplyKind.Conditional },
        new(SET_LOG_FD, 0, U64) { DescriptorsMin = 1, DescriptorsMax = 1 },
        new(SET_VRING_NUM, VringState.Size, VringState.Size) { TouchesRings = true },
        new(SET_VRING_ADDR, VringAddress.Size, VringAddress.Size) { TouchesRings = true },
        new(SET_VRING_BASE, VringState.Size, VringState.Size) { TouchesRings = true },
        new(GET_VRING_BASE, VringState.Size, VringState.Size) { TouchesRings = true, Reply = ReplyKind.Own },
        new(SET_VRING_KICK, U64, U64) { DescriptorsMax = 1, TouchesRings = true },
        new(SET_VRING_CALL, U64, U64) { DescriptorsMax = 1 },
        new(SET_VRING_ERR, U64, U64) { DescriptorsMax = 1 },
        new(GET_PROTOCOL_FEATURES, 0, 0) { Reply = ReplyKind.Own },
        new(SET_PROTOCOL_FEATURES, U64, U64) { TouchesRings = true },
        new(GET_QUEUE_NUM, 0, 0) { NeedsProtocol = ProtocolFeatures.MQ, Reply = ReplyKind.Own },

        // QEMU enables a net device's first pair before it acknowledges bit 30, so the feature is not demanded here.
        new(SET_VRING_ENABLE, VringState.Size, VringState.Size) { TouchesRings = true },
        new(SEND_RARP, U64, U64) { NeedsProtocol = ProtocolFeatures.RARP },
        new(NET_SET_MTU, U64, U64) { NeedsProtocol = ProtocolFeatures.MTU },
        new(SET_BACKEND_REQ_FD, 0, U64) { DescriptorsMin = 1, DescriptorsMax = 1, NeedsProtocol = ProtocolFeatures.BACKEND_REQ, TouchesRings = true },
        new(IOTLB_MSG, IotlbPayload.Size, IotlbPayload.Size) { NeedsVirtio = VirtioFeatures.ACCESS_PLATFORM, TouchesRings = true, Reply = ReplyKind.Own },
        new(SET_VRING_ENDIAN, VringState.Size, VringState.Size) { NeedsProtocol = ProtocolFeatures.CROSS_ENDIAN, TouchesRings = true },
        new(GET_CONFIG, ConfigHeader.Size, ConfigMax) { NeedsProtocol = ProtocolFeatures.CONFIG, Reply = ReplyKind.Own },
        new(SET_CONFIG, ConfigHeader.Size, ConfigMax) { NeedsProtocol = ProtocolFeatures.CONFIG },
        new(CREATE_CRYPTO_SESSION, 0, MessageHeader.PayloadSizeMax)
        {
            NeedsProtocol = ProtocolFeatures.CRYPTO_SESSION, Reply = ReplyKind.Own, IsServed = false,
        },
        new(CLOSE_CRYPTO_SESSION, U64, U64) { NeedsProtocol = ProtocolFeatures.CRYPTO_SESSION, IsServed = false },
        new(POSTCOPY_ADVISE, 0, 0) { NeedsProtocol = ProtocolFeatures.PAGEFAULT, Reply = ReplyKind.Own },
        new(POSTCOPY_LISTEN, 0, 0) { NeedsProtocol = ProtocolFeatures.PAGEFAULT },
        new(POSTCOPY_END, 0, 0) { NeedsProtocol = ProtocolFeatures.PAGEFAULT, TouchesRings = true, Reply = ReplyKind.Own },
        new(GET_INFLIGHT_FD, InflightPayload.ContentSize, InflightPayload.Size) { NeedsProtocol = ProtocolFeatures.INFLIGHT_SHMFD, Reply = ReplyKind.Own },
        new(SET_INFLIGHT_FD, InflightPayload.ContentSize, InflightPayload.Size)
        {
            DescriptorsMin = 1, DescriptorsMax = 1, NeedsProtocol = ProtocolFeatures.INFLIGHT_SHMFD, TouchesRings = true,
        },
        new(GPU_SET_SOCKET, 0, U64) { DescriptorsMax = 1, IsServed = false },
        new(RESET_DEVICE, 0, 0) { NeedsProtocol = ProtocolFeatures.RESET_DEVICE, TouchesRings = true },
        new(VRING_KICK, VringState.Size, VringState.Size) { NeedsProtocol = ProtocolFeatures.INBAND_NOTIFICATIONS, TouchesRings = true },
        new(GET_MAX_MEM_SLOTS, 0, 0) { NeedsProtocol = ProtocolFeatures.CONFIGURE_MEM_SLOTS, Reply = ReplyKind.Own },
        new(ADD_MEM_REG, U64, SingleRegion)
        {
            DescriptorsMax = 1, NeedsProtocol = ProtocolFeatures.CONFIGURE_MEM_SLOTS, TouchesRings = true, Reply = ReplyKind.Conditional,
        },

        // Some front ends attach the region's descriptor here as well; it is closed unused.
        new(REM_MEM_REG, SingleRegion, SingleRegion) { DescriptorsMax = 1, NeedsProtocol = ProtocolFeatures.CONFIGURE_MEM_SLOTS, TouchesRings = true },
        new(SET_STATUS, U64, U64) { NeedsProtocol = ProtocolFeatures.STATUS },
        new(GET_STATUS, 0, 0) { NeedsProtocol = ProtocolFeatures.STATUS, Reply = ReplyKind.Own },
        new(GET_SHARED_OBJECT, 16, 16) { NeedsProtocol = ProtocolFeatures.SHARED_OBJECT, Reply = ReplyKind.Own, IsServed = false },
        new(SET_DEVICE_STATE_FD, DeviceStatePayload.Size, DeviceStatePayload.Size)
        {
            DescriptorsMin = 1, DescriptorsMax = 1, NeedsProtocol = ProtocolFeatures.DEVICE_STATE, Reply = ReplyKind.Own,
        },
        new(CHECK_DEVICE_STATE, 0, 0) { NeedsProtocol = ProtocolFeatures.DEVICE_STATE, Reply = ReplyKind.Own },
        new(GET_SHMEM_CONFIG, 0, 0) { NeedsProtocol = ProtocolFeatures.SHMEM, Reply = ReplyKind.Own, IsServed = false },
        new(GET_VRING_BASE_SKIP_DRAIN, VringState.Size, VringState.Size)
        {
            NeedsProtocol = ProtocolFeatures.INFLIGHT_SHMFD | ProtocolFeatures.GET_VRING_BASE_INFLIGHT | ProtocolFeatures.GET_VRING_BASE_SKIP_DRAIN,
            TouchesRings = true, Reply = ReplyKind.Own,
        },
    ]);

    /// <summary>All rows, by ascending request number.</summary>
    public static IEnumerable<MessageSpec> Rows => s_rows.OfType<MessageSpec>();

    /// <summary>The row of a request, or null when there is no such request.</summary>
    public static MessageSpec? Find(uint request) => request <= RequestMax ? s_rows[request] : null;

    private static MessageSpec?[] Build(MessageSpec[] rows)
    {
        var table = new MessageSpec?[RequestMax + 1];
        foreach (MessageSpec row in rows)
        {
            table[(int)row.Code] = row;
        }

        return table;
    }
}
