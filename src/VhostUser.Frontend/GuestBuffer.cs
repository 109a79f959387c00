namespace VhostNet.VhostUser.Frontend;

/// <summary>One descriptor's worth of guest memory, as the driver offers it (virtio 1.3 section 2.6).</summary>
/// <param name="Address">Guest-physical address, or an I/O virtual one behind a vIOMMU. Nothing checks it: a test may offer any.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Writable">True when the device may write it (VIRTQ_DESC_F_WRITE), false when it may read it.</param>
public readonly record struct GuestBuffer(ulong Address, uint Length, bool Writable);
