namespace VhostNet.VhostUser.Protocol;

/// <summary>What a request is answered with ("Communication" in the vhost-user specification).</summary>
internal enum ReplyKind
{
    /// <summary>Nothing, or a u64 when REPLY_ACK is negotiated and the sender asks for it.</summary>
    Acknowledgement,

    /// <summary>A reply of its own, always.</summary>
    Own,

    /// <summary>A reply of its own in some states (SET_LOG_BASE with LOG_SHMFD, the memory messages during postcopy), an acknowledgement otherwise.</summary>
    Conditional,
}
