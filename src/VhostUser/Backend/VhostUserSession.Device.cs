using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend;

/// <content>Requests about the device as a whole.</content>
public sealed partial class VhostUserSession
{
    private void HandleDevice(RequestCode code, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        switch (code)
        {
            case RequestCode.SEND_RARP: AskDevice(DeviceRequestKind.Announce, Wire.Read<ulong>(payload)); break;
            case RequestCode.NET_SET_MTU: AskDevice(DeviceRequestKind.SetMtu, Wire.Read<ulong>(payload)); break;
            case RequestCode.SET_STATUS: SetStatus(Wire.Read<ulong>(payload)); break;
            case RequestCode.GET_STATUS: _reply.Set((ulong)_state.Status); break;
            default: throw new ProtocolException($"{code} is not served");
        }
    }

    private void AskDevice(DeviceRequestKind kind, ulong value)
    {
        if (!_device.Handle(new DeviceRequest(kind, value)))
        {
            _reply.Decline($"the device does not accept {kind} with the value {value}");
        }
    }

    private void SetStatus(ulong value)
    {
        if (value > byte.MaxValue)
        {
            throw new ProtocolException($"SET_STATUS has the value 0x{value:x}; the device status has 8 bits");
        }

        AskDevice(DeviceRequestKind.StatusChanged, value);
        if (_reply.Declined is null)
        {
            _state.Status = (byte)value;
        }
    }
}
