using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"Log description": where the dirty log is in its file.</summary>
/// <param name="LogSize">Bytes.</param>
/// <param name="MmapOffset">First byte in the file.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct LogPayload(ulong LogSize, ulong MmapOffset)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;
}
