using VhostNet.VhostUser.Protocol;
using static VhostNet.VhostUser.Protocol.ProtocolFeatures;

namespace VhostNet.VhostUser.Frontend;

/// <content>Sending one request and taking its answer.</content>
public sealed partial class VhostUserFrontend
{
    private bool HasReplyAck => (ProtocolFeatures & REPLY_ACK) != 0;

    /// <summary>Sends a request without an answer of its own, and waits for the acknowledgement if there is to be one.</summary>
    private void Tell(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> files)
    {
        lock (_gate)
        {
            bool ack = HasReplyAck && Options.AskForAcknowledgement;
            SendRequest(request, payload, ack, files);
            if (ack)
            {
                CheckAcknowledgement(request);
            }
        }
    }

    private void Tell<T>(RequestCode request, in T payload, params ReadOnlySpan<int> files)
        where T : unmanaged
    {
        Span<byte> bytes = stackalloc byte[64];
        Tell(request, bytes[..Wire.Write(bytes, payload)], files);
    }

    /// <summary>Sends a request that has an answer of its own.</summary>
    private ReceivedMessage Ask(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> files)
    {
        lock (_gate)
        {
            SendRequest(request, payload, false, files);
            return ReceiveReply(request);
        }
    }

    private ReceivedMessage Ask<T>(RequestCode request, in T payload, params ReadOnlySpan<int> files)
        where T : unmanaged
    {
        Span<byte> bytes = stackalloc byte[64];
        return Ask(request, bytes[..Wire.Write(bytes, payload)], files);
    }

    private ulong AskValue(RequestCode request, ReadOnlySpan<byte> payload = default)
    {
        using ReceivedMessage reply = Ask(request, payload);
        CheckSize(request, reply, sizeof(ulong));
        return reply.Value;
    }

    private ulong AskValue<T>(RequestCode request, in T payload)
        where T : unmanaged
    {
        using ReceivedMessage reply = Ask(request, payload);
        CheckSize(request, reply, sizeof(ulong));
        return reply.Value;
    }

    private void SendRequest(RequestCode request, ReadOnlySpan<byte> payload, bool needReply, ReadOnlySpan<int> files)
    {
        Span<byte> bytes = stackalloc byte[MessageHeader.Size + payload.Length];
        Wire.Write(bytes, MessageHeader.ForRequest((uint)request, payload.Length, needReply));
        payload.CopyTo(bytes[MessageHeader.Size..]);
        _socket.Send(bytes, files, Options.Timeout);
    }

    private ReceivedMessage ReceiveReply(RequestCode request)
    {
        ReceivedMessage reply;
        try
        {
            reply = _socket.Receive(Options.Timeout)
                ?? throw new VhostUserFrontendException(FrontendError.Closed, $"the back end closed the connection instead of answering {request}");
        }
        catch (VhostUserFrontendException e) when (e.Error == FrontendError.TimedOut)
        {
            throw new VhostUserFrontendException(FrontendError.TimedOut, $"the back end did not answer {request} within {Options.Timeout.TotalSeconds} s");
        }

        // QEMU compares the whole flags word, so anything else here would not work with it either.
        if (reply.Header.Request != (uint)request || reply.Header.Flags != MessageHeader.ReplyFlags)
        {
            reply.Dispose();
            throw new VhostUserFrontendException(
                FrontendError.BadReply,
                $"the answer to {request} has request {reply.Header.Request} and flags 0x{reply.Header.Flags:x}; {(uint)request} and 0x{MessageHeader.ReplyFlags:x} were expected");
        }

        return reply;
    }

    private void CheckAcknowledgement(RequestCode request)
    {
        using ReceivedMessage reply = ReceiveReply(request);
        CheckSize(request, reply, sizeof(ulong));
        CheckResult(request, reply.Value);
    }

    private static void CheckResult(RequestCode request, ulong result)
    {
        if (result != 0)
        {
            throw new VhostUserFrontendException(FrontendError.Refused, $"the back end refused {request} (result {result})");
        }
    }

    private static void CheckSize(RequestCode request, ReceivedMessage reply, int size)
    {
        if (reply.Payload.Length != size)
        {
            throw new VhostUserFrontendException(FrontendError.BadReply, $"the answer to {request} has {reply.Payload.Length} bytes; {size} were expected");
        }
    }
}
