namespace VhostNet.VhostUser.Protocol;

/// <summary>Protocol feature bits ("Protocol features" in the vhost-user specification), as masks.</summary>
public static class ProtocolFeatures
{
    /// <summary>Bit 0: several queues.</summary>
    public const ulong MQ = 1UL << 0;

    /// <summary>Bit 1: the dirty log is shared by a descriptor.</summary>
    public const ulong LOG_SHMFD = 1UL << 1;

    /// <summary>Bit 2: the back end can announce the guest.</summary>
    public const ulong RARP = 1UL << 2;

    /// <summary>Bit 3: messages can be acknowledged.</summary>
    public const ulong REPLY_ACK = 1UL << 3;

    /// <summary>Bit 4: the MTU is told.</summary>
    public const ulong MTU = 1UL << 4;

    /// <summary>Bit 5: the back end may send requests.</summary>
    public const ulong BACKEND_REQ = 1UL << 5;

    /// <summary>Bit 6: legacy rings of the other byte order.</summary>
    public const ulong CROSS_ENDIAN = 1UL << 6;

    /// <summary>Bit 7: crypto sessions; never offered.</summary>
    public const ulong CRYPTO_SESSION = 1UL << 7;

    /// <summary>Bit 8: postcopy migration.</summary>
    public const ulong PAGEFAULT = 1UL << 8;

    /// <summary>Bit 9: configuration space is read through the back end.</summary>
    public const ulong CONFIG = 1UL << 9;

    /// <summary>Bit 10: descriptors may go with the back end's requests.</summary>
    public const ulong BACKEND_SEND_FD = 1UL << 10;

    /// <summary>Bit 11: hardware doorbells; never offered.</summary>
    public const ulong HOST_NOTIFIER = 1UL << 11;

    /// <summary>Bit 12: an area records what is in flight.</summary>
    public const ulong INFLIGHT_SHMFD = 1UL << 12;

    /// <summary>Bit 13: the device can be reset.</summary>
    public const ulong RESET_DEVICE = 1UL << 13;

    /// <summary>Bit 14: kicks and calls as messages; needs bits 3 and 5.</summary>
    public const ulong INBAND_NOTIFICATIONS = 1UL << 14;

    /// <summary>Bit 15: memory regions come and go one by one.</summary>
    public const ulong CONFIGURE_MEM_SLOTS = 1UL << 15;

    /// <summary>Bit 16: the device status is told.</summary>
    public const ulong STATUS = 1UL << 16;

    /// <summary>Bit 17: Xen grants; never offered.</summary>
    public const ulong XEN_MMAP = 1UL << 17;

    /// <summary>Bit 18: shared objects; never offered.</summary>
    public const ulong SHARED_OBJECT = 1UL << 18;

    /// <summary>Bit 19: the device's state can be transferred.</summary>
    public const ulong DEVICE_STATE = 1UL << 19;

    /// <summary>Bit 20: the inflight area is kept over GET_VRING_BASE; needs bit 12.</summary>
    public const ulong GET_VRING_BASE_INFLIGHT = 1UL << 20;

    /// <summary>Bit 21: ring addresses are guest-physical. Some rust-vmm releases use this bit for SHMEM.</summary>
    public const ulong GPA_ADDRESSES = 1UL << 21;

    /// <summary>Bit 22: shared memory regions; never offered.</summary>
    public const ulong SHMEM = 1UL << 22;

    /// <summary>Bit 23: a ring can be stopped without finishing what is in flight; needs bits 12 and 20.</summary>
    public const ulong GET_VRING_BASE_SKIP_DRAIN = 1UL << 23;

    private static readonly string[] s_names =
    [
        nameof(MQ), nameof(LOG_SHMFD), nameof(RARP), nameof(REPLY_ACK), nameof(MTU), nameof(BACKEND_REQ), nameof(CROSS_ENDIAN), nameof(CRYPTO_SESSION),
        nameof(PAGEFAULT), nameof(CONFIG), nameof(BACKEND_SEND_FD), nameof(HOST_NOTIFIER), nameof(INFLIGHT_SHMFD), nameof(RESET_DEVICE),
        nameof(INBAND_NOTIFICATIONS), nameof(CONFIGURE_MEM_SLOTS), nameof(STATUS), nameof(XEN_MMAP), nameof(SHARED_OBJECT), nameof(DEVICE_STATE),
        nameof(GET_VRING_BASE_INFLIGHT), nameof(GPA_ADDRESSES), nameof(SHMEM), nameof(GET_VRING_BASE_SKIP_DRAIN),
    ];

    /// <summary>The names of the bits in a mask, for messages; an unknown bit by its number.</summary>
    public static string Describe(ulong mask)
    {
        if (mask == 0)
        {
            return "none";
        }

        var names = new List<string>();
        for (int bit = 0; bit < 64; bit++)
        {
            if ((mask >> bit & 1) != 0)
            {
                names.Add(bit < s_names.Length ? s_names[bit] : $"bit {bit}");
            }
        }

        return string.Join(", ", names);
    }
}
