namespace VhostNet.LibC;

/// <summary>A kind of system call, as far as its error numbers mean the same: what one call says once in its life another says every day.</summary>
public enum CallKind
{
    /// <summary>recvmmsg of a socket whose messages are frames (udp, unix datagrams).</summary>
    DatagramReceive,

    /// <summary>sendmmsg of such a socket.</summary>
    DatagramSend,

    /// <summary>recvmmsg of a packet socket, which is bound to one interface.</summary>
    PacketReceive,

    /// <summary>sendmmsg of a packet socket.</summary>
    PacketSend,

    /// <summary>read, recv or recvmsg of a connection.</summary>
    StreamReceive,

    /// <summary>write, send or sendmsg of a connection.</summary>
    StreamSend,

    /// <summary>accept4 of a listening socket.</summary>
    Accept,

    /// <summary>connect of a new socket, or what SO_ERROR says of it later.</summary>
    Connect,

    /// <summary>readv of a tap's queue.</summary>
    TapRead,

    /// <summary>writev of a tap's queue.</summary>
    TapWrite,

    /// <summary>recv of a netlink socket.</summary>
    NetlinkReceive,
}
