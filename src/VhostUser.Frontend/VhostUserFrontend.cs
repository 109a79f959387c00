using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// A vhost-user front end: what a VMM does, without a guest. Connects to a back end, negotiates, shares memory, sets up and drives rings. Synchronous: each
/// call waits for its answer, up to <see cref="FrontendOptions.Timeout"/>. Calls may come from several threads; they are sent one after the other.
/// </summary>
/// <remarks>
/// The methods named like messages send just that message and check nothing but the answer, so that tests can send them in any order and with any
/// content; <see cref="Negotiate"/>, <see cref="ShareMemory"/>, <see cref="StartQueue"/> and so on are the proper sequences made from them.
/// </remarks>
public sealed partial class VhostUserFrontend : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<StartedQueue> _queues = [];
    private FrontendSocket _socket;

    /// <summary>Takes a connected socket over; nothing is sent yet.</summary>
    public VhostUserFrontend(FileDescriptor socket, FrontendOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Options = options ?? new FrontendOptions();
        _socket = new FrontendSocket(socket, Options.Progress, Options.Deliver);
    }

    /// <summary>What this front end asks for.</summary>
    public FrontendOptions Options { get; }

    /// <summary>The virtio features that the back end offered, 0 before <see cref="Negotiate"/>.</summary>
    public ulong OfferedFeatures { get; private set; }

    /// <summary>The virtio features that were acknowledged.</summary>
    public ulong Features { get; private set; }

    /// <summary>The protocol features that the back end offered.</summary>
    public ulong OfferedProtocolFeatures { get; private set; }

    /// <summary>The protocol features that were acknowledged.</summary>
    public ulong ProtocolFeatures { get; private set; }

    /// <summary>What GET_QUEUE_NUM answered; 1 when MQ was not offered.</summary>
    public ulong QueueNum { get; private set; } = 1;

    /// <summary>What GET_MAX_MEM_SLOTS answered; 8 when CONFIGURE_MEM_SLOTS was not offered.</summary>
    public ulong MemorySlotsMax { get; private set; } = 8;

    /// <summary>The queues that were started and not stopped.</summary>
    public IEnumerable<DriverQueue> StartedQueues => _queues.Select(q => q.Queue);

    /// <summary>The connected socket, for tests that write into it or close it.</summary>
    public FileDescriptor Socket => _socket.Socket;

    /// <summary>Connects to a back end that listens at a path.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="options">What to ask for.</param>
    /// <param name="wait">How long to try again while nobody listens there; null for one attempt.</param>
    /// <exception cref="VhostUserFrontendException">Nobody listens there.</exception>
    public static VhostUserFrontend Connect(string path, FrontendOptions? options = null, TimeSpan? wait = null) =>
        new(ConnectSocket(path, wait), options);

    /// <summary>Sends bytes as they are, with descriptors; for tests of malformed messages.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> files)
    {
        lock (_gate)
        {
            _socket.Send(bytes, files, Options.Timeout);
        }
    }

    /// <summary>Sends a message with any request number, flags and payload, without waiting for an answer.</summary>
    public void SendMessage(uint request, uint flags, ReadOnlySpan<byte> payload, params ReadOnlySpan<int> files)
    {
        byte[] bytes = new byte[MessageHeader.Size + payload.Length];
        Wire.Write(bytes, new MessageHeader(request, flags, (uint)payload.Length));
        payload.CopyTo(bytes.AsSpan(MessageHeader.Size));
        SendRaw(bytes, files);
    }

    /// <summary>Receives whatever the back end sends next; null when it closed the connection.</summary>
    /// <exception cref="VhostUserFrontendException">Nothing came in time, or not a message.</exception>
    public ReceivedMessage? ReceiveRaw(TimeSpan? timeout = null)
    {
        lock (_gate)
        {
            return _socket.Receive(timeout ?? Options.Timeout);
        }
    }

    /// <summary>Receives whatever the back end has sent, without waiting; null when there is nothing, or the connection is over.</summary>
    public ReceivedMessage? TryReceiveRaw()
    {
        lock (_gate)
        {
            return _socket.WaitReadable(TimeSpan.Zero) ? _socket.Receive(Options.Timeout) : null;
        }
    }

    /// <summary>Waits until the back end closed the connection; anything that it sends before is read and dropped.</summary>
    /// <returns>False when it did not within the time.</returns>
    public bool WaitForClose(TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            try
            {
                while (true)
                {
                    using ReceivedMessage? message = _socket.Receive(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64)));
                    if (message is null)
                    {
                        return true;
                    }
                }
            }
            catch (VhostUserFrontendException e)
            {
                return e.Error == FrontendError.Closed;
            }
        }
    }

    /// <summary>Returns when the back end has handled everything sent so far, by asking it something harmless.</summary>
    public void Barrier() => GetFeatures();

    /// <summary>Closes the connection. Queues and memory stay with their owners.</summary>
    public void Dispose()
    {
        BackendRequests?.Dispose();
        _socket.Dispose();
    }

    /// <summary>Waits for a back end to connect to a listening socket; the front end is the server then.</summary>
    /// <exception cref="VhostUserFrontendException">None connected in time.</exception>
    internal static FileDescriptor AcceptSocket(UnixListener listener, TimeSpan wait)
    {
        ArgumentNullException.ThrowIfNull(listener);
        long deadline = Environment.TickCount64 + (long)wait.TotalMilliseconds;
        Span<pollfd> fds = [new pollfd { fd = listener.Socket.Value, events = POLLIN }];
        while (true)
        {
            _ = poll(fds, (int)Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue));
            if (listener.Accept() is { } socket)
            {
                return socket;
            }

            if (Environment.TickCount64 >= deadline)
            {
                throw new VhostUserFrontendException(FrontendError.TimedOut, $"no back end connected within {wait.TotalSeconds} s");
            }
        }
    }

    /// <summary>Connects to a path.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="wait">How long to try again while nobody listens there; null for one attempt.</param>
    /// <exception cref="VhostUserFrontendException">Nobody listens there.</exception>
    public static FileDescriptor ConnectSocket(string path, TimeSpan? wait)
    {
        long deadline = Environment.TickCount64 + (long)(wait ?? TimeSpan.Zero).TotalMilliseconds;
        while (true)
        {
            if (UnixConnector.TryConnect(path, out FileDescriptor socket, out Errno error))
            {
                return socket;
            }

            if (Environment.TickCount64 >= deadline)
            {
                throw new VhostUserFrontendException(FrontendError.Closed, $"nobody listens at {path}: {error}");
            }

            // The kernel has no event for a path that comes into being; poll without descriptors is a short pause.
            _ = poll([], 5);
        }
    }
}
