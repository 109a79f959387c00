using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>What each attribute begins with.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct rtattr
{
    /// <summary>Bytes of the attribute, this header among them.</summary>
    public ushort rta_len;

    /// <summary>IFLA_ and its like.</summary>
    public ushort rta_type;
}

/// <summary>What follows the header of a message about an interface.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ifinfomsg
{
    /// <summary>AF_UNSPEC; AF_BRIDGE for what concerns its place in a bridge only.</summary>
    public byte ifi_family;

    /// <summary>0.</summary>
    public byte __ifi_pad;

    /// <summary>ARP hardware type.</summary>
    public ushort ifi_type;

    /// <summary>Index.</summary>
    public int ifi_index;

    /// <summary>IFF_.</summary>
    public uint ifi_flags;

    /// <summary>Which flags changed.</summary>
    public uint ifi_change;
}

/// <content>linux/rtnetlink.h</content>
public static partial class LibC
{
    /// <summary>An interface was made or has changed.</summary>
    public const int RTM_NEWLINK = 16;

    /// <summary>An interface was removed.</summary>
    public const int RTM_DELLINK = 17;

    /// <summary>Asks for interfaces.</summary>
    public const int RTM_GETLINK = 18;

    /// <summary>Group for what happens to interfaces.</summary>
    public const int RTMGRP_LINK = 1;
}
