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
    public const int SOL_PACKET = 0x107;

    /// <summary>To this host.</summary>
    public const int PACKET_HOST = 0;

    /// <summary>To all.</summary>
    public const int PACKET_BROADCAST = 1;

    /// <summary>To a group.</summary>
    public const int PACKET_MULTICAST = 2;

    /// <summary>To somebody else.</summary>
    public const int PACKET_OTHERHOST = 3;

    /// <summary>Sent by this host.</summary>
    public const int PACKET_OUTGOING = 4;

    /// <summary>Add a membership.</summary>
    public const int PACKET_ADD_MEMBERSHIP = 1;

    /// <summary>Drop a membership.</summary>
    public const int PACKET_DROP_MEMBERSHIP = 2;

    /// <summary>Membership: one group.</summary>
    public const int PACKET_MR_MULTICAST = 0;

    /// <summary>Membership: everything.</summary>
    public const int PACKET_MR_PROMISC = 1;

    /// <summary>Membership: all groups.</summary>
    public const int PACKET_MR_ALLMULTI = 2;

    /// <summary>Packets and drops since the last call.</summary>
    public const int PACKET_STATISTICS = 6;

    /// <summary>Deliver tpacket_auxdata.</summary>
    public const int PACKET_AUXDATA = 8;

    /// <summary>Version of the mapped ring.</summary>
    public const int PACKET_VERSION = 0xa;

    /// <summary>Mapped receive ring.</summary>
    public const int PACKET_RX_RING = 5;

    /// <summary>Mapped transmit ring.</summary>
    public const int PACKET_TX_RING = 0xd;

    /// <summary>Skip malformed frames.</summary>
    public const int PACKET_LOSS = 0xe;

    /// <summary>A virtio_net_hdr in front.</summary>
    public const int PACKET_VNET_HDR = 0xf;

    /// <summary>Share the traffic between sockets.</summary>
    public const int PACKET_FANOUT = 0x12;

    /// <summary>By flow.</summary>
    public const int PACKET_FANOUT_HASH = 0;

    /// <summary>Send straight to the driver.</summary>
    public const int PACKET_QDISC_BYPASS = 0x14;

    /// <summary>Do not receive what this host sends.</summary>
    public const int PACKET_IGNORE_OUTGOING = 0x17;

    /// <summary>Fan-out: the kernel chooses the group's number.</summary>
    public const int PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;

    /// <summary>tp_vlan_tci is valid.</summary>
    public const uint TP_STATUS_VLAN_VALID = 0x10;

    /// <summary>tp_vlan_tpid is valid.</summary>
    public const uint TP_STATUS_VLAN_TPID_VALID = 0x40;
}
