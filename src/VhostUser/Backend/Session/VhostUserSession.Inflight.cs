using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The inflight area ("Inflight I/O tracking").</content>
public sealed partial class VhostUserSession
{
    private void GetInflight(InflightPayload message)
    {
        CheckInflight(RequestCode.GET_INFLIGHT_FD, message);
        CheckRoom(RequestCode.GET_INFLIGHT_FD);
        CheckUnread(RequestCode.GET_INFLIGHT_FD);
        Turn.TakeCalls(MappingCalls, 0);
        ulong size = message.QueueCount * InflightArea.RegionSize(message.QueueSize, _state.IsPacked);
        _reply.Descriptor = InflightArea.CreateFile(message.QueueCount, message.QueueSize, _state.IsPacked);
        _reply.Set(new InflightPayload(size, 0, message.QueueCount, message.QueueSize));
    }

    private void SetInflight(InflightPayload message, FdCollection descriptors)
    {
        CheckInflight(RequestCode.SET_INFLIGHT_FD, message);
        if (_state.AnyRunning)
        {
            throw new ProtocolException("SET_INFLIGHT_FD came while rings run; stop them first (GET_VRING_BASE)");
        }

        Turn.TakeCalls(MappingCalls, 0);
        InflightArea area = InflightArea.Map(
            descriptors.Take(0), message.MmapSize, message.MmapOffset, message.QueueCount, message.QueueSize, _state.IsPacked,
            _options.SealPolicy, Log.Warning, _closer);
        _rings.Retire(_state.Inflight);
        _state.Inflight = area;
        foreach (RingState ring in _state.Rings)
        {
            ring.MayHaveInflight = true;
        }
    }

    private void CheckInflight(RequestCode request, InflightPayload message)
    {
        if (message.QueueCount == 0 || message.QueueCount > _state.Rings.Length)
        {
            throw new ProtocolException($"{request} is for {message.QueueCount} queues; the device has {_state.Rings.Length}");
        }

        if (message.QueueSize is 0 or > RingSizeMax)
        {
            throw new ProtocolException($"{request} is for queues of {message.QueueSize} descriptors; 1 to {RingSizeMax} are possible");
        }
    }
}
