namespace VhostNet.LibC;

/// <content>linux/sockios.h</content>
public static partial class LibC
{
    /// <summary>Name of an index.</summary>
    public static uint SIOCGIFNAME => unchecked((uint)Base.SIOCGIFNAME);

    /// <summary>Get flags.</summary>
    public static uint SIOCGIFFLAGS => unchecked((uint)Base.SIOCGIFFLAGS);

    /// <summary>Set flags.</summary>
    public static uint SIOCSIFFLAGS => unchecked((uint)Base.SIOCSIFFLAGS);

    /// <summary>Get the address.</summary>
    public static uint SIOCGIFADDR => unchecked((uint)Base.SIOCGIFADDR);

    /// <summary>Set the address.</summary>
    public static uint SIOCSIFADDR => unchecked((uint)Base.SIOCSIFADDR);

    /// <summary>Set the netmask.</summary>
    public static uint SIOCSIFNETMASK => unchecked((uint)Base.SIOCSIFNETMASK);

    /// <summary>Get the MTU.</summary>
    public static uint SIOCGIFMTU => unchecked((uint)Base.SIOCGIFMTU);

    /// <summary>Set the MTU.</summary>
    public static uint SIOCSIFMTU => unchecked((uint)Base.SIOCSIFMTU);

    /// <summary>Rename.</summary>
    public static uint SIOCSIFNAME => unchecked((uint)Base.SIOCSIFNAME);

    /// <summary>Set the hardware address.</summary>
    public static uint SIOCSIFHWADDR => unchecked((uint)Base.SIOCSIFHWADDR);

    /// <summary>Get the hardware address.</summary>
    public static uint SIOCGIFHWADDR => unchecked((uint)Base.SIOCGIFHWADDR);

    /// <summary>Index of a name.</summary>
    public static uint SIOCGIFINDEX => unchecked((uint)Base.SIOCGIFINDEX);

    /// <summary>Set the transmit queue's length.</summary>
    public static uint SIOCSIFTXQLEN => unchecked((uint)Base.SIOCSIFTXQLEN);

    /// <summary>Ethtool command.</summary>
    public const uint SIOCETHTOOL = 0x8946;

    /// <summary>Create a bridge.</summary>
    public const uint SIOCBRADDBR = 0x89a0;

    /// <summary>Delete a bridge.</summary>
    public const uint SIOCBRDELBR = 0x89a1;

    /// <summary>Add an interface to a bridge.</summary>
    public const uint SIOCBRADDIF = 0x89a2;

    /// <summary>Remove an interface from a bridge.</summary>
    public const uint SIOCBRDELIF = 0x89a3;

    /// <summary>Bytes in the receive queue.</summary>
    public const uint SIOCINQ = 0x541b;

    /// <summary>Bytes in the send queue.</summary>
    public const uint SIOCOUTQ = 0x5411;
}
