using System.Runtime.InteropServices;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"An IOTLB message": 26 bytes of content with tail padding, as the kernel's struct vhost_iotlb_msg.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IotlbPayload(ulong IoAddress, ulong RangeSize, ulong UserAddress, byte Permission, byte Type)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 32;

    /// <summary>Permission bit: the device may read.</summary>
    public const byte ReadPermission = IotlbEntry.ReadPermission;

    /// <summary>Permission bit: the device may write.</summary>
    public const byte WritePermission = IotlbEntry.WritePermission;

    /// <summary>VHOST_IOTLB_MISS.</summary>
    public const byte Miss = 1;

    /// <summary>VHOST_IOTLB_UPDATE.</summary>
    public const byte Update = 2;

    /// <summary>VHOST_IOTLB_INVALIDATE.</summary>
    public const byte Invalidate = 3;

    /// <summary>VHOST_IOTLB_ACCESS_FAIL.</summary>
    public const byte AccessFail = 4;
}
