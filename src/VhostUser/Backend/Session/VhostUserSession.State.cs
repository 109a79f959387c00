using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>Transfer of the device's own state ("Migrating back-end state").</content>
public sealed partial class VhostUserSession
{
    /// <summary>Bit 8 of the reply: no descriptor of ours comes with it, the front end's is used.</summary>
    private const ulong NoStateFd = 0x100;

    private const ulong StateError = 1;

    private StateTransfer? _transfer;

    private void SetDeviceState(DeviceStatePayload message, FdCollection descriptors)
    {
        if (FindTransferProblem(message) is { } problem)
        {
            Log.Warning($"SET_DEVICE_STATE_FD failed: {problem}");
            _reply.Set(StateError | NoStateFd);
            return;
        }

        Turn.TakeCalls(NotifierCalls, 0);
        FileDescriptor pipe = descriptors.Take(0);
        if (!PipeIo.IsSupported(pipe))
        {
            pipe.Dispose();
            Log.Warning("SET_DEVICE_STATE_FD failed: the descriptor is neither a pipe nor a socket");
            _reply.Set(StateError | NoStateFd);
            return;
        }

        _transfer?.Dispose();
        _transfer = message.Direction == DeviceStatePayload.Save
            ? StateTransfer.Save(_context, pipe, _device.SaveState())
            : StateTransfer.Load(_context, pipe, state => _device.LoadState(state));
        _reply.Set(NoStateFd);
    }

    private string? FindTransferProblem(DeviceStatePayload message) =>
        message.Direction > DeviceStatePayload.Load ? $"direction {message.Direction}; 0 (save) and 1 (load) are defined"
        : message.Phase != DeviceStatePayload.Stopped ? $"phase {message.Phase}; 0 (stopped) is defined"
        : _state.AnyRunning ? "rings run; the device has to be suspended first (GET_VRING_BASE of every ring)"
        : null;

    private void CheckDeviceState()
    {
        if (_transfer is null)
        {
            Log.Warning("CHECK_DEVICE_STATE came without a transfer before it");
            _reply.Set(StateError);
            return;
        }

        bool good = _transfer.Finish();
        if (!good)
        {
            Log.Warning($"transfer of the device's state failed: {_transfer.Failure}");
        }

        _transfer = null;
        _reply.Set(good ? 0UL : StateError);
    }
}
