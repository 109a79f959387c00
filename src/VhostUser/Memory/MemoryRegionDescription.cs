namespace VhostNet.VhostUser.Memory;

/// <summary>One memory region as the front end describes it ("Memory region description" in the vhost-user specification); all values in bytes.</summary>
/// <param name="GuestAddress">Guest-physical address of the first byte.</param>
/// <param name="Size">Length of the region.</param>
/// <param name="UserAddress">The front end's virtual address of the first byte.</param>
/// <param name="MmapOffset">Where the region starts in the file behind its descriptor.</param>
public readonly record struct MemoryRegionDescription(ulong GuestAddress, ulong Size, ulong UserAddress, ulong MmapOffset);
