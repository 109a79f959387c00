namespace VhostNet.LibC;

/// <content>linux/if_ether.h</content>
public static partial class LibC
{
    /// <summary>Bytes of an address.</summary>
    public const int ETH_ALEN = 6;

    /// <summary>Bytes of a header.</summary>
    public const int ETH_HLEN = 14;

    /// <summary>IPv4.</summary>
    public const int ETH_P_IP = 2048;

    /// <summary>ARP.</summary>
    public const int ETH_P_ARP = 2054;

    /// <summary>IPv6.</summary>
    public const int ETH_P_IPV6 = 34525;

    /// <summary>VLAN tag.</summary>
    public const int ETH_P_8021Q = 33024;

    /// <summary>Every protocol.</summary>
    public const int ETH_P_ALL = 3;
}
