using System.Net.Sockets;
using VhostNet.Aio;

namespace VhostNet.Daemon.Systemd;

/// <summary>
/// The way to a service manager that may be slow, stopped or hostile: nobody who has something to say waits for it. What finds its queue full is kept, the
/// newest of each kind, and sent by a thread that exists only while something is kept. Any thread.
/// </summary>
internal sealed class ManagerSocket : IDisposable
{
    private const int Kinds = 4;

    // Memory that the kernel lacks does not make the socket unwritable; it is asked again after this long.
    private const int PauseMilliseconds = 100;

    private readonly Socket _socket;
    private readonly int _descriptor;
    private readonly EventNotifier _end = new();
    private readonly Lock _lock = new();
    private readonly byte[]?[] _kept = new byte[]?[Kinds];
    private Thread? _courier;
    private bool _disposed;

    /// <summary>Takes a connected datagram socket over.</summary>
    public ManagerSocket(Socket socket)
    {
        _socket = socket;
        _descriptor = (int)socket.Handle;
    }

    /// <summary>Whether something waits for room in the manager's queue.</summary>
    public bool IsWaiting
    {
        get
        {
            lock (_lock)
            {
                return FirstKept >= 0;
            }
        }
    }

    private int FirstKept => Array.FindIndex(_kept, m => m is not null);

    /// <summary>Sends a message that is of use now or not at all. Allocates nothing.</summary>
    /// <returns>Whether it was sent.</returns>
    public bool Offer(ReadOnlySpan<byte> message)
    {
        lock (_lock)
        {
            return !_disposed && FirstKept < 0 && TrySend(message) == 0;
        }
    }

    /// <summary>Sends a message that must arrive, now or as soon as the manager has room for it. Those of smaller kinds go first.</summary>
    /// <param name="kind">0 to 3; of each kind the newest message is kept.</param>
    /// <param name="message">The datagram.</param>
    public void Post(int kind, byte[] message)
    {
        lock (_lock)
        {
            if (_disposed || (FirstKept < 0 && !IsFull(TrySend(message))))
            {
                return;
            }

            _kept[kind] = message;
            if (_courier is null)
            {
                _courier = new Thread(Deliver) { Name = "notify", IsBackground = true };
                _courier.Start();
            }
        }
    }

    /// <summary>Closes the socket; what is kept is lost.</summary>
    public void Dispose()
    {
        Thread? courier;
        lock (_lock)
        {
            _disposed = true;
            courier = _courier;
        }

        // It waits for the two descriptors only, and is told by one of them.
        _end.Set();
        courier?.Join();
        _socket.Dispose();
        _end.Dispose();
    }

    // ECONNREFUSED and the like mean that the manager is gone; it can't be told anything, now or later.
    private static bool IsFull(int error) => error is EAGAIN or ENOBUFS or ENOMEM;

    private void Deliver()
    {
        Span<pollfd> descriptors = [new pollfd { fd = _descriptor, events = POLLOUT }, new pollfd { fd = _end.Fd, events = POLLIN }];
        int error = EAGAIN;
        while (true)
        {
            descriptors[0].fd = error == EAGAIN ? _descriptor : -1;
            _ = poll(descriptors, error == EAGAIN ? -1 : PauseMilliseconds);
            lock (_lock)
            {
                error = _disposed ? 0 : SendKept();
                if (!IsFull(error))
                {
                    _courier = null;
                    return;
                }
            }
        }
    }

    private int SendKept()
    {
        for (int kind = FirstKept; kind >= 0; kind = FirstKept)
        {
            int error = TrySend(_kept[kind]);
            if (IsFull(error))
            {
                return error;
            }

            _kept[kind] = null;
        }

        return 0;
    }

    private int TrySend(ReadOnlySpan<byte> message)
    {
        while (send(_descriptor, message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        {
            if (errno != EINTR)
            {
                return errno;
            }
        }

        return 0;
    }
}
