namespace VhostNet.LibC;

/// <content>linux/sockios.h</content>
public static partial class LibC
{
    /// <summary>Name of an index.</summary>
    public const uint SIOCGIFNAME = 0x8910;

    /// <summary>Get flags.</summary>
    public const uint SIOCGIFFLAGS = 0x8913;

    /// <summary>Set flags.</summary>
    public const uint SIOCSIFFLAGS = 0x8914;

    /// <summary>Get the address.</summary>
    public const uint SIOCGIFADDR = 0x8915;

    /// <summary>Set the address.</summary>
    public const uint SIOCSIFADDR = 0x8916;

    /// <summary>Set the netmask.</summary>
    public const uint SIOCSIFNETMASK = 0x891c;

    /// <summary>Get the MTU.</summary>
    public const uint SIOCGIFMTU = 0x8921;

    /// <summary>Set the MTU.</summary>
    public const uint SIOCSIFMTU = 0x8922;

    /// <summary>Rename.</summary>
    public const uint SIOCSIFNAME = 0x8923;

    /// <summary>Set the hardware address.</summary>
    public const uint SIOCSIFHWADDR = 0x8924;

    /// <summary>Get the hardware address.</summary>
    public const uint SIOCGIFHWADDR = 0x8927;

    /// <summary>Index of a name.</summary>
    public const uint SIOCGIFINDEX = 0x8933;

    /// <summary>Set the transmit queue's length.</summary>
    public const uint SIOCSIFTXQLEN = 0x8943;

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
