namespace VhostNet.VhostUser.Protocol;

/// <summary>Messages of the front end to the back end ("Front-end message types" in the vhost-user specification), under the specification's names.</summary>
public enum RequestCode : uint
{
    /// <summary>No message has this number.</summary>
    NONE = 0,

    /// <summary>Ask for the virtio and vhost feature bits.</summary>
    GET_FEATURES = 1,

    /// <summary>Acknowledge feature bits.</summary>
    SET_FEATURES = 2,

    /// <summary>Mark the start of a session.</summary>
    SET_OWNER = 3,

    /// <summary>Deprecated; ignored.</summary>
    RESET_OWNER = 4,

    /// <summary>Replace the whole memory map.</summary>
    SET_MEM_TABLE = 5,

    /// <summary>Share the dirty log.</summary>
    SET_LOG_BASE = 6,

    /// <summary>An eventfd to poke when the dirty log changed.</summary>
    SET_LOG_FD = 7,

    /// <summary>Ring size.</summary>
    SET_VRING_NUM = 8,

    /// <summary>Ring addresses.</summary>
    SET_VRING_ADDR = 9,

    /// <summary>Ring position.</summary>
    SET_VRING_BASE = 10,

    /// <summary>Stop a ring and tell its position.</summary>
    GET_VRING_BASE = 11,

    /// <summary>Start a ring, with the notifier that the guest kicks.</summary>
    SET_VRING_KICK = 12,

    /// <summary>The notifier that interrupts the guest.</summary>
    SET_VRING_CALL = 13,

    /// <summary>The notifier that tells of a broken ring.</summary>
    SET_VRING_ERR = 14,

    /// <summary>Ask for the protocol feature bits.</summary>
    GET_PROTOCOL_FEATURES = 15,

    /// <summary>Acknowledge protocol feature bits.</summary>
    SET_PROTOCOL_FEATURES = 16,

    /// <summary>Ask how many queues there are.</summary>
    GET_QUEUE_NUM = 17,

    /// <summary>Enable or disable a ring.</summary>
    SET_VRING_ENABLE = 18,

    /// <summary>Announce the guest in its network.</summary>
    SEND_RARP = 19,

    /// <summary>The guest's MTU.</summary>
    NET_SET_MTU = 20,

    /// <summary>The socket for the back end's own requests.</summary>
    SET_BACKEND_REQ_FD = 21,

    /// <summary>Update or invalidate I/O translations.</summary>
    IOTLB_MSG = 22,

    /// <summary>Byte order of a legacy ring.</summary>
    SET_VRING_ENDIAN = 23,

    /// <summary>Read configuration space.</summary>
    GET_CONFIG = 24,

    /// <summary>Write configuration space.</summary>
    SET_CONFIG = 25,

    /// <summary>Not for network devices.</summary>
    CREATE_CRYPTO_SESSION = 26,

    /// <summary>Not for network devices.</summary>
    CLOSE_CRYPTO_SESSION = 27,

    /// <summary>Prepare for postcopy migration.</summary>
    POSTCOPY_ADVISE = 28,

    /// <summary>Postcopy begins: memory may be missing.</summary>
    POSTCOPY_LISTEN = 29,

    /// <summary>Postcopy is over.</summary>
    POSTCOPY_END = 30,

    /// <summary>Ask for an area that records what is in flight.</summary>
    GET_INFLIGHT_FD = 31,

    /// <summary>Give back such an area.</summary>
    SET_INFLIGHT_FD = 32,

    /// <summary>Not for network devices.</summary>
    GPU_SET_SOCKET = 33,

    /// <summary>Reset the device.</summary>
    RESET_DEVICE = 34,

    /// <summary>A kick as a message.</summary>
    VRING_KICK = 35,

    /// <summary>Ask how many memory regions can be held.</summary>
    GET_MAX_MEM_SLOTS = 36,

    /// <summary>Add one memory region.</summary>
    ADD_MEM_REG = 37,

    /// <summary>Remove one memory region.</summary>
    REM_MEM_REG = 38,

    /// <summary>The virtio device status.</summary>
    SET_STATUS = 39,

    /// <summary>Ask for the virtio device status.</summary>
    GET_STATUS = 40,

    /// <summary>Not for network devices.</summary>
    GET_SHARED_OBJECT = 41,

    /// <summary>Transfer the device's state through a descriptor.</summary>
    SET_DEVICE_STATE_FD = 42,

    /// <summary>Ask whether the transfer went well.</summary>
    CHECK_DEVICE_STATE = 43,

    /// <summary>Not for network devices.</summary>
    GET_SHMEM_CONFIG = 44,

    /// <summary>Like GET_VRING_BASE, leaving what is in flight in the inflight area.</summary>
    GET_VRING_BASE_SKIP_DRAIN = 45,
}
