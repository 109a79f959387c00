namespace VhostNet.LibC;

/// <content>netinet/udp.h</content>
public static partial class LibC
{
    /// <summary>Segment size of a sent buffer (UDP GSO).</summary>
    public const int UDP_SEGMENT = 0x67;

    /// <summary>Receive joined datagrams.</summary>
    public const int UDP_GRO = 0x68;

    /// <summary>Options of UDP.</summary>
    public const int SOL_UDP = 0x11;
}
