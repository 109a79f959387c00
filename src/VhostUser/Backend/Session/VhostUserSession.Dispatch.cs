using VhostNet.VhostUser.Backend.Messages;
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
            _askedForQueuesNs = _session.Options.Clock.NowNs;
        }

        if (Log.IsDebug)
        {
            Log.Debug($"received {spec?.Name ?? $"request {header.Request}"}, {payload.Length} bytes, {descriptors.Count} descriptors");
        }

        _hasMessages = true;
        _session.Reply.Clear();
        _rings.BeginTurn();
        try
        {
            Check(in header, spec, payload, descriptors);
            MessageHandler handler = Handlers.Find(spec!.Code)!;
            _session.Limits.CheckKept(handler, spec.Code, payload, descriptors);
            handler.Handle(payload, descriptors);
            if (spec.TouchesRings)
            {
                _rings.Follow();
            }
        }
        catch (Exception e) when (e is GuestMemoryException or ErrnoException or ProtocolException { EndsConnection: false })
        {
            Refuse(in header, spec, e.Message);
            return;
        }
        finally
        {
            _session.Limits.UpdateUse();
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

        if (!State.HasProtocol(spec.NeedsProtocol))
        {
            throw new ProtocolException(
                $"{spec.Name} needs protocol features that are not negotiated: " +
                $"{ProtocolFeatures.Describe(spec.NeedsProtocol & ~State.ProtocolFeatures)}");
        }

        if (!State.HasVirtio(spec.NeedsVirtio))
        {
            throw new ProtocolException(
                $"{spec.Name} needs virtio features 0x{spec.NeedsVirtio:x}, of which 0x{spec.NeedsVirtio & ~State.Features:x} are not " +
                "acknowledged");
        }
    }

    private void Refuse(in MessageHeader header, MessageSpec? spec, string reason)
    {
        _session.Reply.Clear();
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
        Reply reply = _session.Reply;
        if (reply.IsOwn)
        {
            _session.Channel.Send(MessageHeader.Reply(header.Request, reply.Payload.Length), reply.Payload, reply.Descriptor);
            reply.Clear();
            return;
        }

        if (reply.Declined is { } reason)
        {
            Log.Warning($"{spec.Name} declined: {reason}");
        }

        if (WantsAcknowledgement(in header))
        {
            SendAcknowledgement(header.Request, reply.Declined is null ? 0UL : 1UL);
        }
    }

    private bool WantsAcknowledgement(in MessageHeader header) => header.NeedReply && State.HasProtocol(ProtocolFeatures.REPLY_ACK);

    private void SendAcknowledgement(uint request, ulong result)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        Wire.Write(payload, in result);
        _session.Channel.Send(MessageHeader.Reply(request, payload.Length), payload);
    }
}
