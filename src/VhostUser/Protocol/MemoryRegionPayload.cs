using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"Memory region description" on the wire.</summary>
/// <param name="GuestAddress">Guest-physical address.</param>
/// <param name="RegionSize">Bytes.</param>
/// <param name="UserAddress">The front end's virtual address.</param>
/// <param name="MmapOffset">Where the region starts in its file.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct MemoryRegionPayload(ulong GuestAddress, ulong RegionSize, ulong UserAddress, ulong MmapOffset)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 32;

    /// <summary>Bytes in front of the regions: a count and padding, or padding alone in a single region message.</summary>
    public const int PrefixSize = 8;

    /// <summary>Most regions in one SET_MEM_TABLE.</summary>
    public const int TableMax = 8;
}
