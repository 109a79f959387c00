using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>struct vring_desc (linux/virtio_ring.h; virtio 1.3 section 2.7.5): one buffer of a split ring's descriptor table or of an indirect table.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct SplitDescriptor
{
    /// <summary>sizeof(struct vring_desc).</summary>
    public const int Size = 16;

    /// <summary>VRING_DESC_F_NEXT: the chain goes on at <see cref="next"/>.</summary>
    public const ushort F_NEXT = 1;

    /// <summary>VRING_DESC_F_WRITE: the device writes the buffer.</summary>
    public const ushort F_WRITE = 2;

    /// <summary>VRING_DESC_F_INDIRECT: the buffer holds a table of descriptors.</summary>
    public const ushort F_INDIRECT = 4;

    /// <summary>Guest address of the buffer.</summary>
    public ulong addr;

    /// <summary>Its length in bytes.</summary>
    public uint len;

    /// <summary>F_ bits.</summary>
    public ushort flags;

    /// <summary>Index of the chain's next descriptor.</summary>
    public ushort next;

    /// <summary>
    /// The F_ bits of a chain that is one buffer of a direction; 0xffff, which no descriptor's bits are, for one that is to be looked at buffer by buffer.
    /// </summary>
    public static ushort FlagsOf(ChainDirection direction) => direction switch
    {
        ChainDirection.Readable => 0,
        ChainDirection.Writable => F_WRITE,
        _ => ushort.MaxValue,
    };
}
