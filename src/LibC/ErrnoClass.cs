namespace VhostNet.LibC;

/// <summary>What an error number of a kind of call asks of the caller.</summary>
public enum ErrnoClass
{
    /// <summary>Nothing failed.</summary>
    None,

    /// <summary>Nothing happened: make the call again, at once or when the descriptor is ready. Not worth counting.</summary>
    Retry,

    /// <summary>This one call failed, the next may succeed: count it and go on, with a pause when it happens again and again.</summary>
    Once,

    /// <summary>No call on this descriptor will succeed any more: the connection ended, the interface was removed, the descriptor is none.</summary>
    Gone,
}
