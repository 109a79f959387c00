namespace VhostNet.VhostUser.Memory;

/// <summary>One I/O translation as the front end gave it ("IOTLB message"); all values in bytes.</summary>
/// <param name="IoAddress">First I/O virtual address.</param>
/// <param name="Size">Length.</param>
/// <param name="UserAddress">The front end's virtual address of the first byte.</param>
/// <param name="Permission">Bit 0: read, bit 1: write.</param>
public readonly record struct IotlbEntry(ulong IoAddress, ulong Size, ulong UserAddress, byte Permission)
{
    /// <summary>Permission bit: the device may read.</summary>
    public const byte ReadPermission = 1;

    /// <summary>Permission bit: the device may write.</summary>
    public const byte WritePermission = 2;

    /// <summary>The last address, inclusive.</summary>
    public ulong Last => IoAddress + (Size - 1);
}
