using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"Inflight description". C peers send four bytes of tail padding, which are not part of the content.</summary>
/// <param name="MmapSize">Bytes of the area.</param>
/// <param name="MmapOffset">First byte in the file.</param>
/// <param name="QueueCount">Number of queues.</param>
/// <param name="QueueSize">Descriptors of each queue.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct InflightPayload(ulong MmapSize, ulong MmapOffset, ushort QueueCount, ushort QueueSize)
{
    /// <summary>Bytes that are sent.</summary>
    public const int Size = 24;

    /// <summary>Bytes that are meaningful; the least that is accepted.</summary>
    public const int ContentSize = 20;
}
