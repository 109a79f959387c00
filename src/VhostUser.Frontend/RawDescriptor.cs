namespace VhostNet.VhostUser.Frontend;

/// <summary>A descriptor as it lies in guest memory, in a ring or an indirect table (virtio 1.3 sections 2.7.5 and 2.8.13); any value is possible.</summary>
/// <param name="Address">Buffer or indirect table.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Flags">VIRTQ_DESC_F_ bits.</param>
/// <param name="NextOrId">Split: index of the next descriptor. Packed: buffer id.</param>
internal readonly record struct RawDescriptor(ulong Address, uint Length, ushort Flags, ushort NextOrId);
