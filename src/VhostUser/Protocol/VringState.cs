using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"A vring state description": a ring and a number that belongs to it.</summary>
/// <param name="Index">Number of the ring.</param>
/// <param name="Num">Size, position, or 0 or 1, as the message says.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VringState(uint Index, uint Num)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;
}
