namespace VhostNet.VhostUser.Protocol;

/// <summary>The u64 of SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR.</summary>
/// <param name="Value">Bits 0 to 7: the ring; bit 8: no descriptor is attached.</param>
internal readonly record struct VringFdPayload(ulong Value)
{
    /// <summary>Where the ring's number stands.</summary>
    public const ulong IndexMask = 0xff;

    /// <summary>No descriptor is attached.</summary>
    public const ulong NoFdFlag = 0x100;

    /// <summary>Number of the ring.</summary>
    public int Index => (int)(Value & IndexMask);

    /// <summary>Whether a descriptor is missing on purpose.</summary>
    public bool NoFd => (Value & NoFdFlag) != 0;
}
