namespace VhostNet.LibC;

/// <content>linux/if_tun.h</content>
public static partial class LibC
{
    /// <summary>Create or attach to an interface.</summary>
    public const uint TUNSETIFF = 0x400454ca;

    /// <summary>Keep the interface after close.</summary>
    public const uint TUNSETPERSIST = 0x400454cb;

    /// <summary>Set the owning user.</summary>
    public const uint TUNSETOWNER = 0x400454cc;

    /// <summary>Set the owning group.</summary>
    public const uint TUNSETGROUP = 0x400454ce;

    /// <summary>Get the supported IFF_ flags.</summary>
    public const uint TUNGETFEATURES = 0x800454cf;

    /// <summary>Set the offloads (TUN_F_).</summary>
    public const uint TUNSETOFFLOAD = 0x400454d0;

    /// <summary>Get the interface's name and flags.</summary>
    public const uint TUNGETIFF = 0x800454d2;

    /// <summary>Get the send buffer's bytes.</summary>
    public const uint TUNGETSNDBUF = 0x800454d3;

    /// <summary>Set the send buffer's bytes.</summary>
    public const uint TUNSETSNDBUF = 0x400454d4;

    /// <summary>Get the size of virtio_net_hdr.</summary>
    public const uint TUNGETVNETHDRSZ = 0x800454d7;

    /// <summary>Set the size of virtio_net_hdr.</summary>
    public const uint TUNSETVNETHDRSZ = 0x400454d8;

    /// <summary>Attach or detach one queue.</summary>
    public const uint TUNSETQUEUE = 0x400454d9;

    /// <summary>Set the index of the interface to create.</summary>
    public const uint TUNSETIFINDEX = 0x400454da;

    /// <summary>Headers are little-endian.</summary>
    public const uint TUNSETVNETLE = 0x400454dc;

    /// <summary>Headers are big-endian.</summary>
    public const uint TUNSETVNETBE = 0x400454de;

    /// <summary>Set the queue-steering program.</summary>
    public const uint TUNSETSTEERINGEBPF = 0x800454e0;

    /// <summary>Set the carrier.</summary>
    public const uint TUNSETCARRIER = 0x400454e2;

    /// <summary>Get the device's network namespace.</summary>
    public const uint TUNGETDEVNETNS = 0x54e3;

    /// <summary>IP packets.</summary>
    public const int IFF_TUN = 1;

    /// <summary>Ethernet frames.</summary>
    public const int IFF_TAP = 2;

    /// <summary>Use NAPI.</summary>
    public const int IFF_NAPI = 0x10;

    /// <summary>Use NAPI with fragments.</summary>
    public const int IFF_NAPI_FRAGS = 0x20;

    /// <summary>Start without carrier.</summary>
    public const int IFF_NO_CARRIER = 0x40;

    /// <summary>No packet information in front.</summary>
    public const int IFF_NO_PI = 0x1000;

    /// <summary>Historical.</summary>
    public const int IFF_ONE_QUEUE = 0x2000;

    /// <summary>A virtio_net_hdr in front.</summary>
    public const int IFF_VNET_HDR = 0x4000;

    /// <summary>Fail if the interface exists.</summary>
    public const int IFF_TUN_EXCL = 0x8000;

    /// <summary>Several queues.</summary>
    public const int IFF_MULTI_QUEUE = 0x100;

    /// <summary>TUNSETQUEUE: attach.</summary>
    public const int IFF_ATTACH_QUEUE = 0x200;

    /// <summary>TUNSETQUEUE: detach.</summary>
    public const int IFF_DETACH_QUEUE = 0x400;

    /// <summary>Kept after close.</summary>
    public const int IFF_PERSIST = 0x800;

    /// <summary>Takes partial checksums.</summary>
    public const uint TUN_F_CSUM = 1;

    /// <summary>Takes TCP segmentation over IPv4.</summary>
    public const uint TUN_F_TSO4 = 2;

    /// <summary>Takes TCP segmentation over IPv6.</summary>
    public const uint TUN_F_TSO6 = 4;

    /// <summary>Takes segmentation with ECN.</summary>
    public const uint TUN_F_TSO_ECN = 8;

    /// <summary>Takes UDP fragmentation.</summary>
    public const uint TUN_F_UFO = 0x10;

    /// <summary>Takes UDP segmentation over IPv4 (Linux 6.2).</summary>
    public const uint TUN_F_USO4 = 0x20;

    /// <summary>Takes UDP segmentation over IPv6 (Linux 6.2).</summary>
    public const uint TUN_F_USO6 = 0x40;
}
