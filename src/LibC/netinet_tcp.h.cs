namespace VhostNet.LibC;

/// <content>netinet/tcp.h</content>
public static partial class LibC
{
    /// <summary>Send small segments at once.</summary>
    public static int TCP_NODELAY => Base.TCP_NODELAY;

    /// <summary>Seconds of silence before the peer is asked whether it is there.</summary>
    public static int TCP_KEEPIDLE => Base.TCP_KEEPIDLE;

    /// <summary>Seconds between such questions.</summary>
    public static int TCP_KEEPINTVL => Base.TCP_KEEPINTVL;

    /// <summary>Unanswered questions that end the connection.</summary>
    public static int TCP_KEEPCNT => Base.TCP_KEEPCNT;

    /// <summary>Milliseconds for which sent data may stay without an acknowledgement before the connection ends.</summary>
    public static int TCP_USER_TIMEOUT => Base.TCP_USER_TIMEOUT;
}
