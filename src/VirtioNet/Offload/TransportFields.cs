namespace VhostNet.VirtioNet.Offload;

/// <summary>Offsets of header fields that segmentation rewrites, each from its own header's begin (RFC 791, 8200, 9293, 768).</summary>
internal static class TransportFields
{
    /// <summary>IPv4 total length.</summary>
    public const int IPv4Length = 2;

    /// <summary>IPv4 identification.</summary>
    public const int IPv4Identification = 4;

    /// <summary>IPv4 header checksum.</summary>
    public const int IPv4Checksum = 10;

    /// <summary>IPv6 payload length.</summary>
    public const int IPv6Length = 4;

    /// <summary>Length of the IPv6 header, which its payload length leaves out.</summary>
    public const int IPv6HeaderLength = 40;

    /// <summary>TCP sequence number.</summary>
    public const int TcpSequence = 4;

    /// <summary>TCP flags.</summary>
    public const int TcpFlags = 13;

    /// <summary>TCP checksum.</summary>
    public const int TcpChecksum = 16;

    /// <summary>UDP length.</summary>
    public const int UdpLength = 4;

    /// <summary>UDP checksum.</summary>
    public const int UdpChecksum = 6;

    /// <summary>FIN and PSH, which only the last segment keeps.</summary>
    public const byte LastOnlyFlags = 0x01 | 0x08;

    /// <summary>CWR, which only the first segment keeps (RFC 3168 section 6.1.2).</summary>
    public const byte FirstOnlyFlags = 0x80;
}
