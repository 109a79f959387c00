namespace VhostNet.VirtioNet.Ports.User;

/// <summary>What a frame may have libslirp open on the host.</summary>
internal enum SlirpFlowKind
{
    /// <summary>Nothing: ARP, neighbour discovery, DHCP, a ping of the gateway.</summary>
    None,

    /// <summary>A TCP connection: a SYN without ACK.</summary>
    TcpOpen,

    /// <summary>Nothing new, as a segment of a TCP connection; but the third one of a guest forward's connection opens its socket.</summary>
    TcpSegment,

    /// <summary>A socket for the sender's IPv4 address and port, unless there is one.</summary>
    Udp4,

    /// <summary>A socket for the sender's IPv6 address and port, unless there is one.</summary>
    Udp6,

    /// <summary>A socket for this very echo request.</summary>
    Ping,

    /// <summary>A connection or datagram socket of the outside that a listener of ours took.</summary>
    Accepted,
}
