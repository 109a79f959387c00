using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"A vring address description": where a ring's areas are, in the address space that the negotiated features choose.</summary>
/// <param name="Index">Number of the ring.</param>
/// <param name="Flags">Bit 0: log writes to the used ring.</param>
/// <param name="Descriptor">Descriptor table or ring.</param>
/// <param name="Used">Used ring, or device event suppression area.</param>
/// <param name="Available">Available ring, or driver event suppression area.</param>
/// <param name="Log">Guest-physical address at which used ring writes are logged.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public readonly record struct VringAddress(uint Index, uint Flags, ulong Descriptor, ulong Used, ulong Available, ulong Log)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 40;

    /// <summary>VHOST_VRING_F_LOG.</summary>
    public const uint LogFlag = 1;
}
