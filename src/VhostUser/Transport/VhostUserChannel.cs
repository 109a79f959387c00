using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Transport;

/// <summary>
/// Framed messages with descriptors over a connected Unix stream socket ("Communication" and "Message Specification"), driven by an AioContext.
/// Reads and writes may be partial; while something is unsent nothing is read, so a peer that does not read its replies can't make this process hoard them.
/// Messages are handled until the turn's budget is spent, so that other handlers of the context get theirs; a message that does not complete ends the
/// connection. All members belong to the context's thread.
/// </summary>
internal sealed partial class VhostUserChannel : IDisposable
{
    /// <summary>What a message costs besides its own work, as so many system calls: those of its reply, the look-up, what is made and thrown away.</summary>
    private const int MessageCalls = 3;

    private readonly AioContext _context;
    private readonly FileDescriptor _socket;
    private readonly IChannelHandler _handler;
    private readonly byte[] _input = new byte[MessageHeader.Size + MessageHeader.PayloadSizeMax];
    private readonly FdCollection _descriptors;
    private readonly Queue<UnsentMessage> _unsent = new();
    private readonly ChannelOptions _options;
    private TurnBudget _turn = TurnBudget.Full;
    private int _received;
    private bool _started;
    private bool _closed;
    private bool _reading;
    private bool _writing;

    /// <summary>Takes over a connected socket; nothing happens before <see cref="Start"/>.</summary>
    /// <param name="context">Where its events are handled.</param>
    /// <param name="socket">A connected Unix stream socket; owned from here on.</param>
    /// <param name="handler">Receives the messages.</param>
    public VhostUserChannel(AioContext context, FileDescriptor socket, IChannelHandler handler)
        : this(context, socket, handler, new ChannelOptions())
    {
    }

    /// <summary>Takes over a connected socket to a stranger.</summary>
    internal VhostUserChannel(AioContext context, FileDescriptor socket, IChannelHandler handler, ChannelOptions options)
    {
        _context = context;
        _socket = socket;
        _handler = handler;
        _options = options;
        _descriptors = new FdCollection(options.Closer);
    }

    /// <summary>The socket.</summary>
    public FileDescriptor Socket => _socket;

    /// <summary>Whether the connection is over.</summary>
    public bool IsClosed => _closed;

    /// <summary>Bytes received of a message that is not complete yet; together with its descriptors they are part of the connection's state.</summary>
    public ReadOnlySpan<byte> PartialInput => _input.AsSpan(0, _received);

    /// <summary>Descriptors that came with those bytes.</summary>
    public IEnumerable<FileDescriptor> PartialDescriptors => _descriptors.Untaken;

    /// <summary>
    /// What is left of the turn that messages are handled in: receiving takes from it, and so does each handler for what it does beyond looking at its message.
    /// </summary>
    public ref TurnBudget Turn => ref _turn;

    /// <summary>Whether the peer has not read all that was sent, as the kernel counts it.</summary>
    public bool HasUnread
    {
        get
        {
            int bytes = 0;
            return ioctl(_socket.Value, SIOCOUTQ, ref bytes) == 0 && bytes != 0;
        }
    }

    /// <summary>Messages that wait for room in the socket.</summary>
    public int UnsentCount => _unsent.Count;

    /// <summary>Begins to receive.</summary>
    public void Start()
    {
        int flags = fcntl(_socket.Value, F_GETFL);
        if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        {
            // An inherited socket may block; sends and receives say MSG_DONTWAIT anyway, this is for whoever inherits it next.
            _ = fcntl(_socket.Value, F_SETFL, flags | O_NONBLOCK);
        }

        _started = true;
        BeginWatching();
        UpdateHandlers();
    }

    /// <summary>Receives nothing until <see cref="Continue"/>; what the peer sends waits in the socket.</summary>
    internal void Pause()
    {
        _started = false;
        UpdateHandlers();
    }

    /// <summary>Receives again after <see cref="Pause"/>.</summary>
    internal void Continue()
    {
        _started = true;
        UpdateHandlers();
    }

    /// <summary>Feeds bytes and descriptors that another process had received already, before <see cref="Start"/>.</summary>
    public void RestorePartialInput(ReadOnlySpan<byte> bytes, IEnumerable<FileDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bytes.Length, _input.Length);
        bytes.CopyTo(_input);
        _received = bytes.Length;
        foreach (FileDescriptor descriptor in descriptors)
        {
            _descriptors.Add(descriptor);
        }
    }

    /// <summary>Sends a message, at once or when the socket has room.</summary>
    /// <param name="header">The header; its size must be the payload's.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="descriptor">A descriptor to go along; it stays the caller's.</param>
    public void Send(in MessageHeader header, ReadOnlySpan<byte> payload, FileDescriptor? descriptor = null)
    {
        if (_closed)
        {
            return;
        }

        byte[] bytes = new byte[MessageHeader.Size + payload.Length];
        Wire.Write(bytes, in header);
        payload.CopyTo(bytes.AsSpan(MessageHeader.Size));
        _unsent.Enqueue(new UnsentMessage(bytes, descriptor?.Duplicate()));
        SendUnsent();
        UpdateHandlers();
    }

    /// <summary>Ends the connection from this side and tells the handler.</summary>
    public void Close(string reason, bool isError = true)
    {
        if (!_closed)
        {
            Dispose();
            _handler.ChannelClosed(reason, isError);
        }
    }

    /// <summary>Ends the connection without telling the handler.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        EndWatching();
        UpdateHandlers();
        _socket.Dispose();
        _descriptors.Dispose();
        while (_unsent.TryDequeue(out UnsentMessage? message))
        {
            message.Dispose();
        }
    }

    private void OnReadable()
    {
        _turn = TurnBudget.Full;
        while (!_closed && _unsent.Count == 0 && !_turn.IsSpent && !IsHeldUp && ReceiveMessage())
        {
        }

        if (!_closed)
        {
            WatchHalf();
            UpdateHandlers();
        }
    }

    /// <summary>Receives as much of the next message as there is; true when it was whole and was handled.</summary>
    private bool ReceiveMessage()
    {
        if (!ReceiveUpTo(MessageHeader.Size))
        {
            return false;
        }

        MessageHeader header = Wire.Read<MessageHeader>(_input);
        if ((header.Flags & MessageHeader.VersionMask) != MessageHeader.Version)
        {
            Close(
                $"message {header.Request} has protocol version {header.Flags & MessageHeader.VersionMask} in its flags 0x{header.Flags:x}; the version " +
                "is 1");
            return false;
        }

        if (header.PayloadSize > MessageHeader.PayloadSizeMax)
        {
            Close($"message {header.Request} announces {header.PayloadSize} bytes of payload; at most {MessageHeader.PayloadSizeMax} are taken");
            return false;
        }

        int total = MessageHeader.Size + (int)header.PayloadSize;
        if (!ReceiveUpTo(total))
        {
            return false;
        }

        _received = 0;
        _turn.TakeCalls(MessageCalls, 0);
        try
        {
            _handler.MessageReceived(in header, _input.AsSpan(MessageHeader.Size, (int)header.PayloadSize), _descriptors);
        }
        catch (Exception e) when (e is ProtocolException or ErrnoException)
        {
            // An ErrnoException here is a reply that could not be sent, mostly for want of a descriptor.
            Close(e.Message);
        }
        finally
        {
            _descriptors.CloseRest();
        }

        return !_closed;
    }

    private bool ReceiveUpTo(int total)
    {
        while (_received < total)
        {
            if (_turn.IsSpent)
            {
                // Byte by byte, with a descriptor each, a message takes many calls.
                return false;
            }

            nint count = SocketMessages.Receive(_socket, _input.AsSpan(_received, total - _received), _descriptors, out bool truncated);
            _turn.TakeCalls(1, Math.Max(count, 0));
            if (truncated || _descriptors.Count > SocketMessages.FdsMax)
            {
                Close(
                    $"descriptors of a message were lost: more than {SocketMessages.FdsMax} came with it, where {MemoryRegionPayload.TableMax} are the " +
                    "most, or this process has none left");
                return false;
            }

            if (count > 0)
            {
                _received += (int)count;
                continue;
            }

            Errno error = count < 0 ? Errno.Last : default;
            if (error.Value == EINTR)
            {
                continue;
            }

            if (count == 0 || error.ClassOf(CallKind.StreamReceive) == ErrnoClass.Gone)
            {
                string where = _received == 0 ? string.Empty : $" in the middle of a message, {_received} bytes into it";
                Close(count == 0 ? $"the peer closed the connection{where}" : $"receiving failed{where}: {error}", _received != 0 || count < 0);
            }

            return false;
        }

        return true;
    }

    private void SendUnsent()
    {
        while (!_closed && _unsent.TryPeek(out UnsentMessage? message))
        {
            nint count = message.SendTo(_socket);
            _turn.TakeCalls(1, Math.Max(count, 0));
            Errno error = count < 0 ? Errno.Last : default;
            if (error.Value == EINTR)
            {
                continue;
            }

            if (count < 0)
            {
                if (error.ClassOf(CallKind.StreamSend) == ErrnoClass.Gone)
                {
                    // The input side learns of it as well, after it has read what the peer sent before it left.
                    DropUnsent();
                }

                return;
            }

            if (message.IsSent)
            {
                _unsent.Dequeue().Dispose();
            }
        }
    }

    private void DropUnsent()
    {
        while (_unsent.TryDequeue(out UnsentMessage? message))
        {
            message.Dispose();
        }
    }

    private void OnWritable()
    {
        SendUnsent();
        UpdateHandlers();
    }

    private void UpdateHandlers()
    {
        bool read = _started && !_closed && _unsent.Count == 0 && !IsHeldUp;
        bool write = _started && !_closed && _unsent.Count != 0;
        if (read != _reading || write != _writing)
        {
            _reading = read;
            _writing = write;
            _context.SetFdHandler(_socket.Value, read ? OnReadable : null, write ? OnWritable : null);
        }
    }
}
