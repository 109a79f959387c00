namespace VhostNet.LibC;

/// <content>netinet/tcp.h</content>
public static partial class LibC
{
    /// <summary>Send small segments at once.</summary>
    public const int TCP_NODELAY = 1;
}
