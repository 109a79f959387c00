using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>A link-layer address.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_ll
{
    /// <summary>AF_PACKET.</summary>
    public ushort sll_family;

    /// <summary>Protocol, network order.</summary>
    public ushort sll_protocol;

    /// <summary>Interface.</summary>
    public int sll_ifindex;

    /// <summary>ARP hardware type.</summary>
    public ushort sll_hatype;

    /// <summary>PACKET_HOST and its like.</summary>
    public byte sll_pkttype;

    /// <summary>Bytes of the address.</summary>
    public byte sll_halen;

    /// <summary>Address.</summary>
    public fixed byte sll_addr[8];
}

/// <summary>Argument of PACKET_ADD_MEMBERSHIP.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct packet_mreq
{
    /// <summary>Interface.</summary>
    public int mr_ifindex;

    /// <summary>PACKET_MR_.</summary>
    public ushort mr_type;

    /// <summary>Bytes of the address.</summary>
    public ushort mr_alen;

    /// <summary>Address.</summary>
    public fixed byte mr_address[8];
}

/// <summary>Result of PACKET_STATISTICS.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct tpacket_stats
{
    /// <summary>Packets.</summary>
    public uint tp_packets;

    /// <summary>Drops.</summary>
    public uint tp_drops;
}

/// <summary>Auxiliary data of a received packet.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct tpacket_auxdata
{
    /// <summary>TP_STATUS_ bits.</summary>
    public uint tp_status;

    /// <summary>Bytes on the wire.</summary>
    public uint tp_len;

    /// <summary>Bytes received.</summary>
    public uint tp_snaplen;

    /// <summary>Where the link layer begins.</summary>
    public ushort tp_mac;

    /// <summary>Where the network layer begins.</summary>
    public ushort tp_net;

    /// <summary>The tag that was cut out.</summary>
    public ushort tp_vlan_tci;

    /// <summary>EtherType of the tag that was cut out.</summary>
    public ushort tp_vlan_tpid;
}

/// <content>linux/if_packet.h</content>
public static partial class LibC
{
    /// <summary>Options of packet sockets.</summary>
    public static int SOL_PACKET => Base.SOL_PACKET;

    /// <summary>To this host.</summary>
    public static int PACKET_HOST => Base.PACKET_HOST;

    /// <summary>To all.</summary>
    public static int PACKET_BROADCAST => Base.PACKET_BROADCAST;

    /// <summary>To a group.</summary>
    public static int PACKET_MULTICAST => Base.PACKET_MULTICAST;

    /// <summary>To somebody else.</summary>
    public static int PACKET_OTHERHOST => Base.PACKET_OTHERHOST;

    /// <summary>Sent by this host.</summary>
    public static int PACKET_OUTGOING => Base.PACKET_OUTGOING;

    /// <summary>Add a membership.</summary>
    public static int PACKET_ADD_MEMBERSHIP => Base.PACKET_ADD_MEMBERSHIP;

    /// <summary>Drop a membership.</summary>
    public static int PACKET_DROP_MEMBERSHIP => Base.PACKET_DROP_MEMBERSHIP;

    /// <summary>Membership: one group.</summary>
    public static int PACKET_MR_MULTICAST => Base.PACKET_MR_MULTICAST;

    /// <summary>Membership: everything.</summary>
    public static int PACKET_MR_PROMISC => Base.PACKET_MR_PROMISC;

    /// <summary>Membership: all groups.</summary>
    public static int PACKET_MR_ALLMULTI => Base.PACKET_MR_ALLMULTI;

    /// <summary>Packets and drops since the last call.</summary>
    public static int PACKET_STATISTICS => Base.PACKET_STATISTICS;

    /// <summary>Deliver tpacket_auxdata.</summary>
    public static int PACKET_AUXDATA => Base.PACKET_AUXDATA;

    /// <summary>Version of the mapped ring.</summary>
    public static int PACKET_VERSION => Base.PACKET_VERSION;

    /// <summary>Mapped receive ring.</summary>
    public static int PACKET_RX_RING => Base.PACKET_RX_RING;

    /// <summary>Mapped transmit ring.</summary>
    public static int PACKET_TX_RING => Base.PACKET_TX_RING;

    /// <summary>Skip malformed frames.</summary>
    public static int PACKET_LOSS => Base.PACKET_LOSS;

    /// <summary>A virtio_net_hdr in front.</summary>
    public static int PACKET_VNET_HDR => Base.PACKET_VNET_HDR;

    /// <summary>Share the traffic between sockets.</summary>
    public static int PACKET_FANOUT => Base.PACKET_FANOUT;

    /// <summary>By flow.</summary>
    public const int PACKET_FANOUT_HASH = 0;

    /// <summary>Send straight to the driver.</summary>
    public static int PACKET_QDISC_BYPASS => Base.PACKET_QDISC_BYPASS;

    /// <summary>Do not receive what this host sends.</summary>
    public static int PACKET_IGNORE_OUTGOING => Base.PACKET_IGNORE_OUTGOING;

    /// <summary>Fan-out: the kernel chooses the group's number.</summary>
    public const int PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;

    /// <summary>tp_vlan_tci is valid.</summary>
    public const uint TP_STATUS_VLAN_VALID = 0x10;

    /// <summary>tp_vlan_tpid is valid.</summary>
    public const uint TP_STATUS_VLAN_TPID_VALID = 0x40;
}
