using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>I/O translations ("IOMMU support").</content>
public sealed partial class VhostUserSession
{
    private void HandleIotlb(IotlbPayload message)
    {
        Turn.Take((long)(_state.Iotlb.Entries.Count + _iotlbMisses.PendingCount) * TranslationCost);

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

                else
                {
                    _iotlbMisses.Answer(entry, _state.Iotlb.GetSpace(_state.Memory));
                }

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

    /// <summary>Makes every running ring look at its chains again.</summary>
    private void WakeRings()
    {
        Turn.Take((long)_state.Rings.Length * RingCost);
        foreach (RingState ring in _state.Rings)
        {
            if (ring.Queue is { } queue)
            {
                _device.QueueChanged(queue);
            }
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

        var message = new IotlbPayload(address, 0, 0, PermissionFor(write), IotlbPayload.Miss);
        if (_state.HasProtocol(ProtocolFeatures.REPLY_ACK))
        {
            // QEMU answers a miss that it can't resolve in no other way.
            channel.Send(BackendRequestCode.IOTLB_MSG, message, result => _iotlbMisses.Acknowledge(address, write, result == 0));
        }
        else
        {
            channel.Send(BackendRequestCode.IOTLB_MSG, message);
        }
    }

    private void ReportAccessFailure(ulong address, bool write)
    {
        if (_backendChannel is { } asked)
        {
            asked.Turn.Take((long)_state.Rings.Length * RingCost);
        }

        Log.Warning($"the front end allows no {(write ? "write to" : "read of")} I/O address 0x{address:x}; the chain that names it is given back unused");
        _backendChannel?.Send(BackendRequestCode.IOTLB_MSG, new IotlbPayload(address, 0, 0, PermissionFor(write), IotlbPayload.AccessFail));
        WakeRings();
    }

    private static byte PermissionFor(bool write) => write ? IotlbPayload.WritePermission : IotlbPayload.ReadPermission;
}
