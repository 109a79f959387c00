using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The other end of a session's socket: sends any bytes, right or wrong, and steps the session's loop until it answered.</summary>
internal sealed class RawFrontEnd(AioContext context, FileDescriptor socket) : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public FileDescriptor Socket { get; } = socket;

    /// <summary>Flags of messages that are sent: need_reply is set once REPLY_ACK is negotiated, unless a test changes it.</summary>
    public bool AskAcknowledgement { get; set; }

    public static ReadOnlySpan<byte> Bytes<T>(in T value)
        where T : unmanaged
    {
        byte[] bytes = new byte[System.Runtime.CompilerServices.Unsafe.SizeOf<T>()];
        Wire.Write(bytes, in value);
        return bytes;
    }

    public void SendBytes(ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> fds)
    {
        nint sent = SocketMessages.Send(Socket, bytes, fds);
        Assert.Equal(bytes.Length, sent);
    }

    public void Send(uint request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> fds = default, uint? flags = null)
    {
        byte[] bytes = new byte[MessageHeader.Size + payload.Length];
        var header = new MessageHeader(request, flags ?? (MessageHeader.Version | (AskAcknowledgement ? MessageHeader.NeedReplyFlag : 0)), (uint)payload.Length);
        Wire.Write(bytes, in header);
        payload.CopyTo(bytes.AsSpan(MessageHeader.Size));
        SendBytes(bytes, fds);
    }

    public void Send(RequestCode request, ReadOnlySpan<byte> payload = default, ReadOnlySpan<int> fds = default) => Send((uint)request, payload, fds);

    /// <summary>Sends a message and lets the session handle it.</summary>
    public void Tell(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> fds)
    {
        Send(request, payload, fds);
        if (AskAcknowledgement)
        {
            (MessageHeader header, byte[] reply) = ReceiveReply();
            Assert.Equal((uint)request, header.Request);
            Assert.Equal(0UL, Wire.Read<ulong>(reply));
        }
        else
        {
            Settle();
        }
    }

    /// <summary>Sends a message that has to be refused by a negative acknowledgement.</summary>
    public void Refused(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> fds)
    {
        Send(request, payload, fds);
        (MessageHeader header, byte[] reply) = ReceiveReply();
        Assert.Equal((uint)request, header.Request);
        Assert.Equal(1UL, Wire.Read<ulong>(reply));
    }

    /// <summary>Sends a message after which the connection has to be closed.</summary>
    public void Fatal(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> fds)
    {
        Send(request, payload, fds);
        Settle();
        Assert.True(IsClosed(), $"the connection is open after {request}");
    }

    public T Ask<T>(RequestCode request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<int> fds)
        where T : unmanaged
    {
        Send(request, payload, fds);
        (MessageHeader header, byte[] reply) = ReceiveReply();
        Assert.Equal((uint)request, header.Request);
        return Wire.Read<T>(reply);
    }

    public (MessageHeader Header, byte[] Payload) ReceiveReply(FdCollection? fds = null)
    {
        byte[] header = Receive(MessageHeader.Size, fds);
        var parsed = Wire.Read<MessageHeader>(header);
        Assert.Equal(MessageHeader.ReplyFlags, parsed.Flags);
        return (parsed, Receive((int)parsed.PayloadSize, fds));
    }

    public byte[] Receive(int length, FdCollection? fds = null)
    {
        using var own = new FdCollection();
        byte[] bytes = new byte[length];
        int have = 0;
        long end = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        while (have < length)
        {
            nint count = SocketMessages.Receive(Socket, bytes.AsSpan(have), fds ?? own, out _);
            if (count > 0)
            {
                have += (int)count;
                continue;
            }

            Assert.False(count == 0, "the session closed the connection instead of answering");
            Assert.Equal(EAGAIN, errno);
            Assert.True(Environment.TickCount64 < end, "the session did not answer in time");
            context.Poll(false);
        }

        return bytes;
    }

    /// <summary>Lets the session handle all that was sent.</summary>
    public void Settle()
    {
        while (context.Poll(false))
        {
        }
    }

    public bool IsClosed()
    {
        Settle();
        Span<byte> one = stackalloc byte[1];
        return recv(Socket.Value, one, MSG_DONTWAIT | MSG_PEEK) == 0 || errno == ECONNRESET;
    }

    public void Dispose() => Socket.Dispose();
}
