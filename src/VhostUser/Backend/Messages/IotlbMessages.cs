using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>I/O translations ("IOMMU support"): what the front end tells, and what is asked of it. Control thread.</summary>
internal sealed class IotlbMessages : MessageGroup
{
    private readonly BackendMessages _backend;

    /// <summary>Creates the group.</summary>
    /// <param name="session">What all groups share.</param>
    /// <param name="backend">Over whose channel the front end is asked.</param>
    public IotlbMessages(SessionContext session, BackendMessages backend)
        : base(session)
    {
        _backend = backend;
        Misses = new IotlbMissQueue(session.Loop, SendMiss, ReportAccessFailure);
        backend.ChannelSet += AskAnew;
    }

    /// <summary>The translations that are missed.</summary>
    public IotlbMissQueue Misses { get; }

    /// <inheritdoc/>
    public override void Register(HandlerTable table) => table.Add<IotlbPayload>(this, RequestCode.IOTLB_MSG, Handle);

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) => data with { Iotlb = [.. State.Iotlb.Entries] };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        foreach (IotlbEntry entry in snapshot.Data.Iotlb)
        {
            State.Iotlb.Update(entry);
        }
    }

    /// <inheritdoc/>
    public override void Close() => Misses.Close();

    private void Handle(IotlbPayload message)
    {
        Turn.Take((long)(State.Iotlb.Entries.Count + Misses.PendingCount) * MessageCosts.Translation);

        // The reply is always a u64, so a bad message is answered rather than refused.
        switch (message.Type)
        {
            case IotlbPayload.Update:
                Reply.Set(TryUpdate(message) ? 0UL : 1UL);
                break;
            case IotlbPayload.Invalidate:
                State.Iotlb.Invalidate(message.IoAddress, message.RangeSize);
                Misses.Forget();
                Reply.Set(0UL);
                break;
            default:
                Log.Warning(
                    $"IOTLB_MSG of type {message.Type}; a front end sends updates ({IotlbPayload.Update}) and invalidations " +
                    $"({IotlbPayload.Invalidate})");
                Reply.Set(1UL);
                break;
        }
    }

    private bool TryUpdate(IotlbPayload message)
    {
        var entry = new IotlbEntry(message.IoAddress, message.RangeSize, message.UserAddress, message.Permission);
        if (!State.Iotlb.Update(entry))
        {
            Log.Warning(
                $"IOTLB_MSG with an impossible range: I/O address 0x{message.IoAddress:x}, {message.RangeSize} bytes, user address " +
                $"0x{message.UserAddress:x}");
            return false;
        }

        Misses.Answer(entry, State.Iotlb.GetSpace(State.Memory));
        return true;
    }

    /// <summary>What was missed while there was nobody to ask is missed again.</summary>
    private void AskAnew()
    {
        Misses.Forget();
        WakeRings();
    }

    /// <summary>Makes every running ring look at its chains again.</summary>
    private void WakeRings()
    {
        Turn.Take((long)State.Rings.Length * MessageCosts.Ring);
        foreach (RingState ring in State.Rings)
        {
            if (ring.Queue is { } queue)
            {
                Session.Device.QueueChanged(queue);
            }
        }
    }

    private void SendMiss(ulong address, bool write)
    {
        if (Session.IsEnded || !State.HasIommu)
        {
            return;
        }

        if (_backend.Channel is not { IsOpen: true } channel)
        {
            Log.Warning($"I/O address 0x{address:x} can't be asked for: the front end gave no back-end channel (SET_BACKEND_REQ_FD)");
            return;
        }

        var message = new IotlbPayload(address, 0, 0, PermissionFor(write), IotlbPayload.Miss);
        if (State.HasProtocol(ProtocolFeatures.REPLY_ACK))
        {
            // QEMU answers a miss that it can't resolve in no other way.
            channel.Send(BackendRequestCode.IOTLB_MSG, message, result => Misses.Acknowledge(address, write, result == 0));
        }
        else
        {
            channel.Send(BackendRequestCode.IOTLB_MSG, message);
        }
    }

    private void ReportAccessFailure(ulong address, bool write)
    {
        if (_backend.Channel is { } asked)
        {
            asked.Turn.Take((long)State.Rings.Length * MessageCosts.Ring);
        }

        Log.Warning($"the front end allows no {(write ? "write to" : "read of")} I/O address 0x{address:x}; the chain that names it is given back unused");
        _backend.Channel?.Send(BackendRequestCode.IOTLB_MSG, new IotlbPayload(address, 0, 0, PermissionFor(write), IotlbPayload.AccessFail));
        WakeRings();
    }

    private static byte PermissionFor(bool write) => write ? IotlbPayload.WritePermission : IotlbPayload.ReadPermission;
}
