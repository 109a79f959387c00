namespace VhostNet.LibC;

/// <summary>What an error number asks of the caller.</summary>
public enum ErrnoClass
{
    /// <summary>Nothing failed.</summary>
    None,

    /// <summary>Make the call again, at once or when the descriptor is ready.</summary>
    Retry,

    /// <summary>The other side is not there (any more): drop the connection or wait for the interface.</summary>
    Gone,

    /// <summary>The call can't succeed: a wrong argument, a missing permission, a limit.</summary>
    Fatal,
}
