namespace VhostNet.LibC;

/// <content>netinet/tcp.h</content>
public static partial class LibC
{
    /// <summary>Send small segments at once.</summary>
    public const int TCP_NODELAY = 1;

    /// <summary>Seconds of silence before the peer is asked whether it is there.</summary>
    public const int TCP_KEEPIDLE = 4;

    /// <summary>Seconds between such questions.</summary>
    public const int TCP_KEEPINTVL = 5;

    /// <summary>Unanswered questions that end the connection.</summary>
    public const int TCP_KEEPCNT = 6;

    /// <summary>Milliseconds for which sent data may stay without an acknowledgement before the connection ends.</summary>
    public const int TCP_USER_TIMEOUT = 18;
}
