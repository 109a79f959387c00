using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>"Device state transfer parameters".</summary>
/// <param name="Direction">0: the back end saves; 1: it loads.</param>
/// <param name="Phase">0: the device is stopped.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct DeviceStatePayload(uint Direction, uint Phase)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <summary>From the back end to the front end.</summary>
    public const uint Save = 0;

    /// <summary>From the front end to the back end.</summary>
    public const uint Load = 1;

    /// <summary>VHOST_TRANSFER_STATE_PHASE_STOPPED, the only phase.</summary>
    public const uint Stopped = 0;
}
