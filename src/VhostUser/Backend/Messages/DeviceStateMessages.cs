using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Transfer of the device's own state ("Migrating back-end state"). Control thread.</summary>
/// <param name="session">What all groups share.</param>
internal sealed class DeviceStateMessages(SessionContext session) : MessageGroup(session)
{
    /// <summary>Bit 8 of the reply: no descriptor of ours comes with it, the front end's is used.</summary>
    private const ulong NoStateFd = 0x100;

    private const ulong StateError = 1;

    private StateTransfer? _transfer;

    /// <summary>False from a transfer's begin until the front end has asked how it went.</summary>
    public override bool CanCapture => _transfer is null;

    /// <inheritdoc/>
    public override int KeptDescriptors => Count(_transfer);

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add<DeviceStatePayload>(this, RequestCode.SET_DEVICE_STATE_FD, Begin);
        table.Add(this, RequestCode.CHECK_DEVICE_STATE, Finish);
    }

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => Count(_transfer);

    /// <inheritdoc/>
    public override void Close() => _transfer?.Dispose();

    private void Begin(DeviceStatePayload message, FdCollection descriptors)
    {
        if (FindProblem(message) is { } problem)
        {
            Log.Warning($"SET_DEVICE_STATE_FD failed: {problem}");
            Reply.Set(StateError | NoStateFd);
            return;
        }

        Turn.TakeCalls(MessageCosts.NotifierCalls, 0);
        FileDescriptor pipe = descriptors.Take(0);
        if (!PipeIo.IsSupported(pipe))
        {
            pipe.Dispose();
            Log.Warning("SET_DEVICE_STATE_FD failed: the descriptor is neither a pipe nor a socket");
            Reply.Set(StateError | NoStateFd);
            return;
        }

        _transfer?.Dispose();
        _transfer = message.Direction == DeviceStatePayload.Save
            ? StateTransfer.Save(Session.Loop, pipe, Session.Device.SaveState())
            : StateTransfer.Load(Session.Loop, pipe, state => Session.Device.LoadState(state));
        Reply.Set(NoStateFd);
    }

    private string? FindProblem(DeviceStatePayload message) =>
        message.Direction > DeviceStatePayload.Load ? $"direction {message.Direction}; 0 (save) and 1 (load) are defined"
        : message.Phase != DeviceStatePayload.Stopped ? $"phase {message.Phase}; 0 (stopped) is defined"
        : State.AnyRunning ? "rings run; the device has to be suspended first (GET_VRING_BASE of every ring)"
        : null;

    private void Finish()
    {
        if (_transfer is null)
        {
            Log.Warning("CHECK_DEVICE_STATE came without a transfer before it");
            Reply.Set(StateError);
            return;
        }

        bool good = _transfer.Finish();
        if (!good)
        {
            Log.Warning($"transfer of the device's state failed: {_transfer.Failure}");
        }

        _transfer = null;
        Reply.Set(good ? 0UL : StateError);
    }
}
