using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// The front end's end of the socket on which the back end sends requests of its own ("Back-end message types" in the vhost-user specification).
/// </summary>
public sealed class BackendRequestChannel : IDisposable
{
    private readonly FrontendSocket _socket;
    private readonly Thread? _thread;
    private readonly Func<ReceivedMessage, ulong>? _handler;
    private volatile bool _stopping;

    internal BackendRequestChannel(FileDescriptor socket, Func<ReceivedMessage, ulong>? handler)
    {
        _socket = new FrontendSocket(socket);
        _handler = handler;
        if (handler is not null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "back-end requests" };
            _thread.Start();
        }
    }

    /// <summary>Waits for the next request; only when no handler was given. The caller disposes it and answers it if it asks for that.</summary>
    /// <returns>Null when none came in time, or the back end closed the socket.</returns>
    public ReceivedMessage? Receive(TimeSpan timeout) => _socket.WaitReadable(timeout) ? _socket.Receive(timeout) : null;

    /// <summary>Acknowledges a request; does nothing when it did not ask for it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="result">0 for success.</param>
    public void Reply(ReceivedMessage request, ulong result)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Header.NeedReply)
        {
            Span<byte> bytes = stackalloc byte[MessageHeader.Size + sizeof(ulong)];
            Wire.Write(bytes, MessageHeader.Reply(request.Header.Request, sizeof(ulong)));
            Wire.Write(bytes[MessageHeader.Size..], result);
            _socket.Send(bytes, [], TimeSpan.FromSeconds(5));
        }
    }

    /// <summary>Sends bytes as they are, for tests of malformed answers.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> files) => _socket.Send(bytes, files, TimeSpan.FromSeconds(5));

    /// <summary>Closes the socket and waits for the handler's thread.</summary>
    public void Dispose()
    {
        _stopping = true;
        _ = shutdown(_socket.Socket.Value, SHUT_RDWR);
        if (_thread is not null && _thread != Thread.CurrentThread)
        {
            _thread.Join();
        }

        _socket.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                if (!_socket.WaitReadable(TimeSpan.FromSeconds(1)))
                {
                    continue;
                }

                using ReceivedMessage? request = _socket.Receive(TimeSpan.FromSeconds(5));
                if (request is null)
                {
                    return;
                }

                Reply(request, _handler!(request));
            }
        }
        catch (VhostUserFrontendException)
        {
            // The back end went away, or does not answer any more: the session's own socket tells the caller.
        }
    }
}
