using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Tests.Transport;

public sealed class ChannelTests : IDisposable
{
    private readonly AioContext _context = new();
    private readonly Handler _handler = new();
    private readonly VhostUserChannel _channel;
    private readonly FileDescriptor _peer;

    public ChannelTests()
    {
        _context.BindToCurrentThread();
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int ours, out int theirs));
        _peer = new FileDescriptor(theirs);
        _channel = new VhostUserChannel(_context, new FileDescriptor(ours), _handler);
        _channel.Start();
    }

    public void Dispose()
    {
        _channel.Dispose();
        _peer.Dispose();
        _context.Dispose();
    }

    [Fact]
    public void AMessageMayArriveByteByByteWithItsDescriptorAtTheFirst()
    {
        using var notifier = new EventNotifier();
        byte[] message = Message(12, 8);
        for (int i = 0; i < message.Length; i++)
        {
            Assert.Equal(1, SocketMessages.Send(_peer, message.AsSpan(i, 1), i == 0 ? [notifier.Fd] : default));
            Settle();
            Assert.Equal(i == message.Length - 1 ? 1 : 0, _handler.Received.Count);
        }

        Assert.Equal((12u, 8, 1), _handler.Received[0]);
    }

    [Fact]
    public void ManyMessagesMayArriveAtOnce()
    {
        byte[] messages = [.. Enumerable.Range(0, 40).SelectMany(i => Message(1, i))];
        Assert.Equal(messages.Length, SocketMessages.Send(_peer, messages, default));
        Settle();
        Assert.Equal(Enumerable.Range(0, 40), _handler.Received.Select(r => r.Size));
    }

    [Fact]
    public void WhileRepliesAreUnsentNothingIsRead()
    {
        _handler.OnMessage = () => _channel.Send(MessageHeader.Reply(1, 4096), new byte[4096]);
        int sent = 0;
        byte[] message = Message(1, 0);
        while (sent < 1000 && SocketMessages.Send(_peer, message, default) == message.Length)
        {
            sent++;
            Settle();
        }

        int handled = _handler.Received.Count;
        Assert.True(handled < sent, $"{handled} of {sent} messages were handled although nobody reads the replies");
        Assert.NotEqual(0, _channel.UnsentCount);

        // All replies arrive whole, once they are read.
        long received = 0;
        byte[] buffer = new byte[65536];
        while (_handler.Received.Count < sent || _channel.UnsentCount != 0 || received < (long)sent * 4108)
        {
            nint count = recv(_peer.Value, buffer, MSG_DONTWAIT);
            received += Math.Max(count, 0);
            Settle();
        }

        Assert.Equal(sent * 4108L, received);
    }

    [Theory]
    [InlineData(0u, 0u, "version 0")]
    [InlineData(2u, 0u, "version 2")]
    [InlineData(1u, 4097u, "4097 bytes")]
    [InlineData(1u, uint.MaxValue, "at most")]
    public void ABadHeaderEndsTheConnectionWithAReason(uint flags, uint size, string reason)
    {
        byte[] bytes = Wire.ToBytes(new MessageHeader(1, flags, size));
        SocketMessages.Send(_peer, bytes, default);
        Settle();
        Assert.True(_handler.IsError);
        Assert.Contains(reason, _handler.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void TheEndBetweenMessagesIsNoErrorAndWithinOneIs()
    {
        SocketMessages.Send(_peer, Message(1, 0), default);
        _peer.Dispose();
        Settle();
        Assert.Single(_handler.Received);
        Assert.False(_handler.IsError);
        Assert.Equal("the peer closed the connection", _handler.Reason);
    }

    [Fact]
    public void AnExceptionOfTheHandlerEndsTheConnection()
    {
        _handler.OnMessage = () => throw ProtocolException.Fatal("no good");
        SocketMessages.Send(_peer, [.. Message(1, 0), .. Message(1, 0)], default);
        Settle();
        Assert.Single(_handler.Received);
        Assert.Equal("no good", _handler.Reason);
        Assert.True(_channel.IsClosed);
    }

    [Fact]
    public void MoreDescriptorsThanFitEndTheConnection()
    {
        using var notifier = new EventNotifier();
        int[] many = [.. Enumerable.Repeat(notifier.Fd, SocketMessages.FdsMax)];
        SocketMessages.Send(_peer, Message(1, 0).AsSpan(0, 1), many);
        SocketMessages.Send(_peer, Message(1, 0).AsSpan(1), [notifier.Fd]);
        Settle();

        Assert.Empty(_handler.Received);
        Assert.Contains("more than 32 came", _handler.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ADescriptorCanBeTakenOnce()
    {
        using var collection = new FdCollection();
        collection.Add(new EventFd().Descriptor);
        FileDescriptor taken = collection.Take(0);
        Assert.Throws<InvalidOperationException>(() => collection.Take(0));
        collection.CloseRest();
        Assert.False(taken.IsClosed);
        taken.Dispose();
        Assert.True(collection.IsEmpty);
    }

    private static byte[] Message(uint request, int size)
    {
        byte[] bytes = new byte[MessageHeader.Size + size];
        Wire.Write(bytes, MessageHeader.ForRequest(request, size));
        return bytes;
    }

    private void Settle()
    {
        while (_context.Poll(false))
        {
        }
    }

    private sealed class EventFd
    {
        public FileDescriptor Descriptor { get; } = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
    }

    private sealed class Handler : IChannelHandler
    {
        public List<(uint Request, int Size, int Descriptors)> Received { get; } = [];

        public string Reason { get; private set; } = string.Empty;

        public bool IsError { get; private set; }

        public Action? OnMessage { get; set; }

        public void MessageReceived(in MessageHeader header, ReadOnlySpan<byte> payload, FdCollection descriptors)
        {
            Received.Add((header.Request, payload.Length, descriptors.Count));
            OnMessage?.Invoke();
        }

        public void ChannelClosed(string reason, bool isError)
        {
            Reason = reason;
            IsError = isError;
        }
    }
}
