namespace VhostNet.VhostUser.Protocol;

/// <summary>Messages of the back end to the front end ("Back-end message types"), sent over the socket of SET_BACKEND_REQ_FD.</summary>
internal enum BackendRequestCode : uint
{
    /// <summary>No message has this number.</summary>
    NONE = 0,

    /// <summary>An I/O address is unknown or was refused.</summary>
    IOTLB_MSG = 1,

    /// <summary>Configuration space changed.</summary>
    CONFIG_CHANGE_MSG = 2,

    /// <summary>Not sent: hardware doorbells only.</summary>
    VRING_HOST_NOTIFIER_MSG = 3,

    /// <summary>An interrupt as a message.</summary>
    VRING_CALL = 4,

    /// <summary>A broken ring as a message.</summary>
    VRING_ERR = 5,

    /// <summary>Not sent.</summary>
    SHARED_OBJECT_ADD = 6,

    /// <summary>Not sent.</summary>
    SHARED_OBJECT_REMOVE = 7,

    /// <summary>Not sent.</summary>
    SHARED_OBJECT_LOOKUP = 8,

    /// <summary>Not sent.</summary>
    SHMEM_MAP = 9,

    /// <summary>Not sent.</summary>
    SHMEM_UNMAP = 10,
}
