using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>struct vring_packed_desc (linux/virtio_ring.h; virtio 1.3 section 2.8.13).</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct PackedDescriptor
{
    /// <summary>sizeof(struct vring_packed_desc).</summary>
    public const int Size = 16;

    /// <summary>VRING_PACKED_DESC_F_AVAIL (bit 7): equals the driver's wrap counter when the descriptor is available.</summary>
    public const ushort F_AVAIL = 1 << 7;

    /// <summary>VRING_PACKED_DESC_F_USED (bit 15): equals AVAIL when the descriptor is used.</summary>
    public const ushort F_USED = 1 << 15;

    /// <summary>Guest address of the buffer.</summary>
    public ulong addr;

    /// <summary>Its length in bytes; in a used descriptor the bytes written.</summary>
    public uint len;

    /// <summary>Buffer id, valid in the last descriptor of a chain.</summary>
    public ushort id;

    /// <summary>F_ bits, those of split descriptors among them.</summary>
    public ushort flags;
}
