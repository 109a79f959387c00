namespace VhostNet.LibC;

/// <content>linux/if_link.h</content>
public static partial class LibC
{
    /// <summary>Attribute: name of the interface, with its terminator.</summary>
    public const int IFLA_IFNAME = 3;

    /// <summary>Attribute: index of the bridge that it belongs to.</summary>
    public const int IFLA_MASTER = 10;
}
