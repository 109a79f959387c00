using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend;

/// <content>I/O translations ("IOMMU support").</content>
public sealed partial class VhostUserSession
{
    private void HandleIotlb(IotlbPayload message)
    {
        // The reply is always a u64, so a bad message is answered rather than refused.
        switch (message.Type)
        {
            case IotlbPayload.Update:
                var entry = new IotlbEntry(message.IoAddress, message.RangeSize, message.UserAddress, message.Permission);
                bool good = _state.Iotlb.Update(entry);
                if (!good)
                {
                    Log.Warning(
                        $"IOTLB_MSG with an impossible range: I/O address 0x{message.IoAddress:x}, {message.RangeSize} bytes, user address " +
                        $"0x{message.UserAddress:x}");
                }

                _iotlbMisses.Forget();
                _reply.Set(good ? 0UL : 1UL);
                break;
            case IotlbPayload.Invalidate:
                _state.Iotlb.Invalidate(message.IoAddress, message.RangeSize);
                _iotlbMisses.Forget();
                _reply.Set(0UL);
                break;
            default:
                Log.Warning(
                    $"IOTLB_MSG of type {message.Type}; a front end sends updates ({IotlbPayload.Update}) and invalidations " +
                    $"({IotlbPayload.Invalidate})");
                _reply.Set(1UL);
                break;
        }
    }

    private void SendIotlbMiss(ulong address, bool write)
    {
        if (_ended || !_state.HasIommu)
        {
            return;
        }

        if (_backendChannel is not { IsOpen: true } channel)
        {
            Log.Warning($"I/O address 0x{address:x} can't be asked for: the front end gave no back-end channel (SET_BACKEND_REQ_FD)");
            return;
        }

        byte permission = write ? IotlbPayload.WritePermission : IotlbPayload.ReadPermission;
        channel.Send(BackendRequestCode.IOTLB_MSG, new IotlbPayload(address, 0, 0, permission, IotlbPayload.Miss));
    }
}
