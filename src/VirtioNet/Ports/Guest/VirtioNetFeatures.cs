using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>Feature bits of the network device (virtio 1.3 section 5.1.3, linux/virtio_net.h), as masks, and their names.</summary>
internal static class VirtioNetFeatures
{
    /// <summary>VIRTIO_NET_F_CSUM (bit 0): the device takes frames with a partial checksum.</summary>
    public const ulong CSUM = 1UL << 0;

    /// <summary>VIRTIO_NET_F_GUEST_CSUM (bit 1): the driver takes frames with a partial checksum.</summary>
    public const ulong GUEST_CSUM = 1UL << 1;

    /// <summary>VIRTIO_NET_F_MTU (bit 3).</summary>
    public const ulong MTU = 1UL << 3;

    /// <summary>VIRTIO_NET_F_MAC (bit 5).</summary>
    public const ulong MAC = 1UL << 5;

    /// <summary>VIRTIO_NET_F_GUEST_TSO4 (bit 7).</summary>
    public const ulong GUEST_TSO4 = 1UL << 7;

    /// <summary>VIRTIO_NET_F_GUEST_TSO6 (bit 8).</summary>
    public const ulong GUEST_TSO6 = 1UL << 8;

    /// <summary>VIRTIO_NET_F_GUEST_ECN (bit 9).</summary>
    public const ulong GUEST_ECN = 1UL << 9;

    /// <summary>VIRTIO_NET_F_HOST_TSO4 (bit 11).</summary>
    public const ulong HOST_TSO4 = 1UL << 11;

    /// <summary>VIRTIO_NET_F_HOST_TSO6 (bit 12).</summary>
    public const ulong HOST_TSO6 = 1UL << 12;

    /// <summary>VIRTIO_NET_F_HOST_ECN (bit 13).</summary>
    public const ulong HOST_ECN = 1UL << 13;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF (bit 15): a received frame may span several buffers.</summary>
    public const ulong MRG_RXBUF = 1UL << 15;

    /// <summary>VIRTIO_NET_F_STATUS (bit 16).</summary>
    public const ulong STATUS = 1UL << 16;

    /// <summary>VIRTIO_NET_F_CTRL_VQ (bit 17).</summary>
    public const ulong CTRL_VQ = 1UL << 17;

    /// <summary>VIRTIO_NET_F_GUEST_ANNOUNCE (bit 21).</summary>
    public const ulong GUEST_ANNOUNCE = 1UL << 21;

    /// <summary>VIRTIO_NET_F_MQ (bit 22).</summary>
    public const ulong MQ = 1UL << 22;

    /// <summary>VIRTIO_NET_F_GUEST_USO4 (bit 54).</summary>
    public const ulong GUEST_USO4 = 1UL << 54;

    /// <summary>VIRTIO_NET_F_GUEST_USO6 (bit 55).</summary>
    public const ulong GUEST_USO6 = 1UL << 55;

    /// <summary>VIRTIO_NET_F_HOST_USO (bit 56).</summary>
    public const ulong HOST_USO = 1UL << 56;

    /// <summary>What this device can do: every feature that a port offers unless it is switched off there, or is one of <see cref="OnRequest"/>.</summary>
    public const ulong All =
        CSUM | GUEST_CSUM | MTU | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN | HOST_TSO4 | HOST_TSO6 | HOST_ECN | MRG_RXBUF | GUEST_ANNOUNCE | MQ
        | GUEST_USO4 | GUEST_USO6 | HOST_USO
        | VirtioFeatures.LOG_ALL | VirtioFeatures.ANY_LAYOUT | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX | VirtioFeatures.VERSION_1
        | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER | VirtioFeatures.RING_RESET;

    /// <summary>
    /// Features that a port offers only if it is told to: their other half is the front end's, not every front end has it, and there is no way to ask. To a
    /// guest behind one that hasn't, they do harm (docs/spec-coverage.md, "What the front end has to do").
    /// </summary>
    public const ulong OnRequest = VirtioFeatures.RING_RESET;

    private static readonly Dictionary<string, ulong> s_byName = new(StringComparer.Ordinal)
    {
        ["csum"] = CSUM,
        ["guest_csum"] = GUEST_CSUM,
        ["mtu"] = MTU,
        ["mac"] = MAC,
        ["guest_tso4"] = GUEST_TSO4,
        ["guest_tso6"] = GUEST_TSO6,
        ["guest_ecn"] = GUEST_ECN,
        ["host_tso4"] = HOST_TSO4,
        ["host_tso6"] = HOST_TSO6,
        ["host_ecn"] = HOST_ECN,
        ["mrg_rxbuf"] = MRG_RXBUF,
        ["status"] = STATUS,
        ["ctrl_vq"] = CTRL_VQ,
        ["guest_announce"] = GUEST_ANNOUNCE,
        ["mq"] = MQ,
        ["log_all"] = VirtioFeatures.LOG_ALL,
        ["any_layout"] = VirtioFeatures.ANY_LAYOUT,
        ["indirect_desc"] = VirtioFeatures.INDIRECT_DESC,
        ["event_idx"] = VirtioFeatures.EVENT_IDX,
        ["protocol_features"] = VirtioFeatures.PROTOCOL_FEATURES,
        ["version_1"] = VirtioFeatures.VERSION_1,
        ["access_platform"] = VirtioFeatures.ACCESS_PLATFORM,
        ["packed"] = VirtioFeatures.RING_PACKED,
        ["in_order"] = VirtioFeatures.IN_ORDER,
        ["ring_reset"] = VirtioFeatures.RING_RESET,
        ["guest_uso4"] = GUEST_USO4,
        ["guest_uso6"] = GUEST_USO6,
        ["host_uso"] = HOST_USO,
    };

    /// <summary>Every feature's name, as configuration and the status view spell it, with its mask.</summary>
    public static IReadOnlyDictionary<string, ulong> ByName => s_byName;

    /// <summary>The names of the features in a mask, unknown bits as <c>bit_N</c>.</summary>
    public static IReadOnlyList<string> Names(ulong features)
    {
        var names = new List<string>();
        for (int bit = 0; bit < 64; bit++)
        {
            ulong mask = 1UL << bit;
            if ((features & mask) != 0)
            {
                names.Add(s_byName.FirstOrDefault(p => p.Value == mask).Key ?? $"bit_{bit}");
            }
        }

        return names;
    }

    /// <summary>The offloads that a driver which negotiated these features takes unfinished.</summary>
    public static Offloads AcceptedByDriver(ulong features)
    {
        if ((features & GUEST_CSUM) == 0)
        {
            return Offloads.None;
        }

        Offloads accepted = Offloads.Checksum;
        accepted |= (features & GUEST_TSO4) != 0 ? Offloads.Tso4 : 0;
        accepted |= (features & GUEST_TSO6) != 0 ? Offloads.Tso6 : 0;
        accepted |= (features & GUEST_ECN) != 0 ? Offloads.Ecn : 0;
        accepted |= (features & GUEST_USO4) != 0 ? Offloads.Uso4 : 0;
        accepted |= (features & GUEST_USO6) != 0 ? Offloads.Uso6 : 0;
        return accepted;
    }
}
