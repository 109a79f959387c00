using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The dispatcher: checks the table's row, runs the handler, makes the rings follow, answers.</content>
public sealed partial class VhostUserSession
{
    /// <inheritdoc/>
    void IChannelHandler.MessageReceived(in MessageHeader header, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        MessageSpec? spec = MessageTable.Find(header.Request);
        if (spec?.Code == RequestCode.GET_QUEUE_NUM)
        {
            _askedForQueuesNs = _options.Clock.NowNs;
        }

        if (Log.IsDebug)
        {
            Log.Debug($"received {spec?.Name ?? $"request {header.Request}"}, {payload.Length} bytes, {descriptors.Count} descriptors");
        }

        _hasMessages = true;
        _reply.Clear();
        BeginStarting();
        try
        {
            Check(in header, spec, payload, descriptors);
            CheckKept(spec!, payload, descriptors);
            Handle(spec!.Code, payload, descriptors);
            if (spec.TouchesRings)
            {
                Reconcile();
            }
        }
        catch (Exception e) when (e is GuestMemoryException or ErrnoException or ProtocolException { EndsConnection: false })
        {
            Refuse(in header, spec, e.Message);
            return;
        }
        finally
        {
            UpdateUse();
        }

        Answer(in header, spec);
    }

    private void Check(in MessageHeader header, MessageSpec? spec, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (header.IsReply)
        {
            throw ProtocolException.Fatal($"request {header.Request} has the reply flag (flags 0x{header.Flags:x}); nothing was asked of the front end here");
        }

        if (spec is null)
        {
            throw new ProtocolException($"there is no request {header.Request}; requests are 1 to {MessageTable.RequestMax}");
        }

        if (!spec.IsServed)
        {
            throw new ProtocolException($"{spec.Name} is for other kinds of devices");
        }

        // A wrong shape means that the two sides disagree about the protocol; nothing after it can be trusted.
        if ((spec.CheckPayload(payload.Length) ?? spec.CheckDescriptors(descriptors.Count)) is { } wrong)
        {
            throw ProtocolException.Fatal(wrong);
        }

        if (!_state.HasProtocol(spec.NeedsProtocol))
        {
            throw new ProtocolException(
                $"{spec.Name} needs protocol features that are not negotiated: " +
                $"{ProtocolFeatures.Describe(spec.NeedsProtocol & ~_state.ProtocolFeatures)}");
        }

        if (!_state.HasVirtio(spec.NeedsVirtio))
        {
            throw new ProtocolException(
                $"{spec.Name} needs virtio features 0x{spec.NeedsVirtio:x}, of which 0x{spec.NeedsVirtio & ~_state.Features:x} are not " +
                "acknowledged");
        }
    }

    private void Refuse(in MessageHeader header, MessageSpec? spec, string reason)
    {
        _reply.Clear();
        if (spec?.Reply != ReplyKind.Own && WantsAcknowledgement(in header))
        {
            Log.Warning($"{spec?.Name ?? $"request {header.Request}"} refused: {reason}");
            SendAcknowledgement(header.Request, 1);
            return;
        }

        // The front end would go on as if it had succeeded, or wait for a reply for ever.
        throw ProtocolException.Fatal(reason);
    }

    private void Answer(in MessageHeader header, MessageSpec spec)
    {
        if (_reply.IsOwn)
        {
            _channel.Send(MessageHeader.Reply(header.Request, _reply.Payload.Length), _reply.Payload, _reply.Descriptor);
            _reply.Clear();
            return;
        }

        if (_reply.Declined is { } reason)
        {
            Log.Warning($"{spec.Name} declined: {reason}");
        }

        if (WantsAcknowledgement(in header))
        {
            SendAcknowledgement(header.Request, _reply.Declined is null ? 0UL : 1UL);
        }
    }

    private bool WantsAcknowledgement(in MessageHeader header) => header.NeedReply && _state.HasProtocol(ProtocolFeatures.REPLY_ACK);

    private void SendAcknowledgement(uint request, ulong result)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        Wire.Write(payload, in result);
        _channel.Send(MessageHeader.Reply(request, payload.Length), payload);
    }

    private void Handle(RequestCode code, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        switch (code)
        {
            case RequestCode.GET_FEATURES: _reply.Set(_offeredFeatures); break;
            case RequestCode.SET_FEATURES: SetFeatures(Wire.Read<ulong>(payload)); break;
            case RequestCode.GET_PROTOCOL_FEATURES: _reply.Set(_offeredProtocolFeatures); break;
            case RequestCode.SET_PROTOCOL_FEATURES: SetProtocolFeatures(Wire.Read<ulong>(payload)); break;
            case RequestCode.SET_OWNER: _state.IsOwned = true; break;
            case RequestCode.RESET_OWNER: break; // Deprecated; the specification recommends to ignore it.
            case RequestCode.GET_QUEUE_NUM: _reply.Set((ulong)_device.QueueNumAnswer); break;
            case RequestCode.SET_MEM_TABLE: SetMemoryTable(payload, descriptors); break;
            case RequestCode.GET_MAX_MEM_SLOTS: _reply.Set((ulong)_quotas.Regions); break;
            case RequestCode.ADD_MEM_REG: AddMemoryRegion(payload, descriptors); break;
            case RequestCode.REM_MEM_REG: RemoveMemoryRegion(payload); break;
            case RequestCode.SET_VRING_NUM: SetVringNum(Wire.Read<VringState>(payload)); break;
            case RequestCode.SET_VRING_ADDR: SetVringAddress(Wire.Read<VringAddress>(payload)); break;
            case RequestCode.SET_VRING_BASE: SetVringBase(Wire.Read<VringState>(payload)); break;
            case RequestCode.GET_VRING_BASE: GetVringBase(Wire.Read<VringState>(payload)); break;
            case RequestCode.SET_VRING_KICK: SetVringKick(Wire.Read<VringFdPayload>(payload), descriptors); break;
            case RequestCode.SET_VRING_CALL: SetVringCall(Wire.Read<VringFdPayload>(payload), descriptors); break;
            case RequestCode.SET_VRING_ERR: SetVringError(Wire.Read<VringFdPayload>(payload), descriptors); break;
            case RequestCode.SET_VRING_ENABLE: SetVringEnable(Wire.Read<VringState>(payload)); break;
            case RequestCode.SET_VRING_ENDIAN: SetVringEndian(Wire.Read<VringState>(payload)); break;
            case RequestCode.VRING_KICK: HandleInBandKick(Wire.Read<VringState>(payload)); break;
            case RequestCode.GET_VRING_BASE_SKIP_DRAIN: GetVringBase(Wire.Read<VringState>(payload)); break; // Nothing is ever left to drain.
            default: HandleOther(code, payload, descriptors); break;
        }
    }

    private void HandleOther(RequestCode code, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        switch (code)
        {
            case RequestCode.SET_LOG_BASE: SetLogBase(payload, descriptors); break;
            case RequestCode.SET_LOG_FD: SetLogNotifier(descriptors); break;
            case RequestCode.SEND_RARP: Announce(Wire.Read<ulong>(payload)); break;
            case RequestCode.NET_SET_MTU: AskDevice(DeviceRequestKind.SetMtu, Wire.Read<ulong>(payload)); break;
            case RequestCode.SET_STATUS: SetStatus(Wire.Read<ulong>(payload)); break;
            case RequestCode.GET_STATUS: _reply.Set((ulong)_state.Status); break;
            case RequestCode.RESET_DEVICE: ResetDevice(); break;
            case RequestCode.GET_CONFIG: GetConfig(payload); break;
            case RequestCode.SET_CONFIG: SetConfig(payload); break;
            case RequestCode.SET_BACKEND_REQ_FD: SetBackendChannel(descriptors); break;
            case RequestCode.IOTLB_MSG: HandleIotlb(Wire.Read<IotlbPayload>(payload)); break;
            case RequestCode.SET_DEVICE_STATE_FD: SetDeviceState(Wire.Read<DeviceStatePayload>(payload), descriptors); break;
            case RequestCode.CHECK_DEVICE_STATE: CheckDeviceState(); break;
            case RequestCode.GET_INFLIGHT_FD: GetInflight(Wire.Read<InflightPayload>(payload)); break;
            case RequestCode.SET_INFLIGHT_FD: SetInflight(Wire.Read<InflightPayload>(payload), descriptors); break;
            case RequestCode.POSTCOPY_ADVISE: AdvisePostcopy(); break;
            case RequestCode.POSTCOPY_LISTEN: ListenPostcopy(); break;
            case RequestCode.POSTCOPY_END: EndPostcopy(); break;
            default: throw new ProtocolException($"{code} is not served");
        }
    }
}
