using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"Virtio device config space": what precedes the bytes.</summary>
/// <param name="Offset">First byte in configuration space.</param>
/// <param name="Length">Number of bytes.</param>
/// <param name="Flags">0: a write of the guest; 1: restored by a migration.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct ConfigHeader(uint Offset, uint Length, uint Flags)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <summary>Most bytes of configuration space.</summary>
    public const int LengthMax = 256;

    /// <summary>VHOST_SET_CONFIG_TYPE_MIGRATION.</summary>
    public const uint MigrationFlag = 1;
}
