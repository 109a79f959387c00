using System.Net;
using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.Stream;

/// <summary>
/// Gets a stream port its connections, one at a time: connects and goes on trying with growing pauses, or listens. A newer connection from the address of the
/// present one takes its place, as a peer that vanished (a crash, a cable) may come back long before its old connection is found dead; one from elsewhere waits
/// for its turn. Home thread of its context, but for the constructor and <see cref="Dispose"/>.
/// </summary>
internal sealed class StreamConnector : IDisposable
{
    /// <summary>Connections from other addresses that may wait for the present one's end; those beyond are closed.</summary>
    private const int WaitingMax = 4;

    private readonly AioContext _context;
    private readonly StreamOptions _options;
    private readonly Action<FileDescriptor> _connected;
    private readonly AioClock _clock;
    private readonly Action<CallKind, Errno> _failed;
    private readonly AioTimer _retry;
    private readonly Queue<FileDescriptor> _waiting = new();
    private FileDescriptor? _listener;
    private FileDescriptor? _connecting;
    private FileDescriptor? _heir;
    private IPAddress? _peer;
    private bool _isTaken;
    private long _takenNs;
    private TimeSpan _pause;

    /// <summary>Creates a connector; a listening one listens from here on.</summary>
    /// <param name="context">Where it works.</param>
    /// <param name="options">Where to.</param>
    /// <param name="connected">Gets each connection, in place of the present one if there is any.</param>
    /// <param name="failed">Told what went wrong.</param>
    /// <param name="clock">What pauses are measured by.</param>
    /// <exception cref="PortException">The address can't be listened at.</exception>
    public StreamConnector(AioContext context, StreamOptions options, Action<FileDescriptor> connected, Action<CallKind, Errno> failed, AioClock clock)
    {
        _clock = clock;
        _context = context;
        _options = options;
        _connected = connected;
        _failed = failed;
        _pause = options.RetryMin;
        _retry = context.CreateTimer(clock, OnTimer);
        _listener = options.Listen ? Listen() : null;
    }

    /// <summary>Connections that were refused because the process's reserve of descriptors was touched.</summary>
    public long ReserveRefused { get; private set; }

    /// <summary>Connections that took the place of an older one from the same address.</summary>
    public long Successions { get; private set; }

    /// <summary>
    /// A connection has ended: looks for the next one, at once only if that one lasted. A peer that takes connections and closes them would otherwise be
    /// connected to, or let in, thousands of times a second.
    /// </summary>
    /// <param name="lastedNs">How long it stood.</param>
    /// <param name="delivered">Whether a frame came by it.</param>
    public void Ended(long lastedNs, bool delivered)
    {
        _isTaken = false;
        _peer = null;
        Unwatch();
        if (lastedNs >= Nanoseconds(_options.RetryMax))
        {
            _pause = _options.RetryMin;
            Seek();
            return;
        }

        if (delivered)
        {
            _pause = _options.RetryMin;
        }

        TryLater();
    }

    /// <summary>Leaves off looking, until <see cref="Seek"/>.</summary>
    public void Rest()
    {
        _isTaken = false;
        _retry.Delete();
        Abandon();
        DropHeir();
        Unwatch();
    }

    /// <summary>Looks for a connection; to be called at first.</summary>
    public void Seek()
    {
        Abandon();
        if (_options.Listen)
        {
            Await();
            return;
        }

        FileDescriptor fd;
        try
        {
            fd = SocketCalls.Open(_options.Endpoint.Family, SOCK_STREAM);
        }
        catch (ErrnoException e)
        {
            // No descriptor is left: there may be one later.
            _failed(CallKind.Connect, e.Errno);
            TryLater();
            return;
        }

        if (!Admits(fd))
        {
            Fail(fd);
            return;
        }

        SetUp(fd);
        int error = SocketCalls.Connect(fd, _options.Endpoint.EndPoint);
        if (error == 0)
        {
            Succeed(fd);
        }
        else if (error == EINPROGRESS)
        {
            _connecting = fd;
            _context.SetFdHandler(fd.Value, null, Finish);
        }
        else
        {
            if (new Errno(error).ClassOf(CallKind.Connect) != ErrnoClass.Retry)
            {
                _failed(CallKind.Connect, new Errno(error));
            }

            Fail(fd);
        }
    }

    /// <summary>Stops. The context's thread must run, or be the calling one.</summary>
    public void Dispose() => _context.RunOnHomeThread(() =>
    {
        _retry.Delete();
        Abandon();
        DropHeir();
        while (_waiting.TryDequeue(out FileDescriptor? waiting))
        {
            waiting.Dispose();
        }

        if (_listener is not null)
        {
            Unwatch();
            _listener.Dispose();
            _listener = null;
            if (_options.Endpoint.Path is { } path)
            {
                _ = unlink(path);
            }
        }
    });

    private FileDescriptor Listen()
    {
        SocketEndpoint endpoint = _options.Endpoint;
        string what = $"stream port listen:{endpoint}";
        FileDescriptor fd = SocketCalls.Open(endpoint.Family, SOCK_STREAM);
        try
        {
            if (endpoint.IsUnix)
            {
                SocketCalls.BindUnix(fd, endpoint, SOCK_STREAM, what);
            }
            else
            {
                _ = setsockopt(fd.Value, SOL_SOCKET, SO_REUSEADDR, 1);
                if (SocketCalls.Bind(fd, endpoint.EndPoint) is not 0 and int error)
                {
                    throw new PortException(error switch
                    {
                        EADDRINUSE => $"{what}: the address is in use by another program; choose another port",
                        EADDRNOTAVAIL => $"{what}: it is no address of this host",
                        EACCES => $"{what}: ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
                        _ => $"{what}: binding failed: {new Errno(error)}",
                    });
                }
            }

            if (listen(fd.Value, 16) < 0)
            {
                throw new PortException($"{what}: {Errno.Last}");
            }

            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>Takes a connection that waits already, or watches for one.</summary>
    private void Await()
    {
        if (_heir is not null || _waiting.Count > 0)
        {
            FileDescriptor next = _heir ?? _waiting.Dequeue();
            _heir = null;
            Succeed(next);
            return;
        }

        try
        {
            _listener ??= Listen();
        }
        catch (Exception e) when (e is PortException or ErrnoException)
        {
            // The last one ended for want of memory, say; its address will be free again.
            _failed(CallKind.Accept, e is ErrnoException { Errno: var why } ? why : new Errno(EADDRINUSE));
            TryLater();
            return;
        }

        _context.SetFdHandler(_listener.Value, Accept);
    }

    private void Accept()
    {
        int fd = accept4(_listener!.Value, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
        {
            AcceptFailed(Errno.Last);
            return;
        }

        var connection = new FileDescriptor(fd);
        if (!Admits(connection))
        {
            connection.Dispose();
            RestListening();
        }
        else if (!_isTaken)
        {
            SetUp(connection);
            Succeed(connection);
        }
        else if (_peer is not null && _peer.Equals(SocketCalls.PeerAddress(connection)))
        {
            SetUp(connection);
            DropHeir();
            _heir = connection;
            Succession();
        }
        else if (_waiting.Count < WaitingMax)
        {
            SetUp(connection);
            _waiting.Enqueue(connection);
        }
        else
        {
            connection.Dispose();
            RestListening();
        }
    }

    private void AcceptFailed(Errno why)
    {
        ErrnoClass kind = why.ClassOf(CallKind.Accept);
        if (kind == ErrnoClass.Retry)
        {
            return;
        }

        _failed(CallKind.Accept, why);
        if (kind == ErrnoClass.Gone)
        {
            Unwatch();
            _listener!.Dispose();
            _listener = null;
        }

        // What can't be taken (no descriptor, no memory) stays in the queue, so that watching on would find it ready for ever.
        RestListening();
    }

    /// <summary>Takes nobody for a moment, whoever is connected.</summary>
    private void RestListening()
    {
        Unwatch();
        if (_isTaken)
        {
            _retry.Modify(Math.Max(_clock.NowNs + Nanoseconds(_options.RetryMin), _heir is null ? 0 : _takenNs + Nanoseconds(_pause)));
        }
        else
        {
            TryLater();
        }
    }

    /// <summary>
    /// Puts the newer connection in the place of the older one; at once if that one lasted, so that two of a kind, or a hostile one, can't do it all the time.
    /// </summary>
    private void Succession()
    {
        long dueNs = _takenNs + Nanoseconds(_pause);
        if (_clock.NowNs < dueNs)
        {
            _retry.Modify(dueNs);
            return;
        }

        FileDescriptor heir = _heir!;
        _heir = null;
        Successions++;
        _pause = _clock.NowNs - _takenNs >= Nanoseconds(_options.RetryMax) ? _options.RetryMin : Doubled();
        Succeed(heir);
    }

    private void OnTimer()
    {
        if (!_isTaken)
        {
            Seek();
            return;
        }

        if (_heir is not null)
        {
            Succession();
        }

        if (_listener is not null && _peer is not null)
        {
            _context.SetFdHandler(_listener.Value, Accept);
        }
    }

    private void Unwatch()
    {
        if (_listener is { IsClosed: false })
        {
            _context.SetFdHandler(_listener.Value, null);
        }
    }

    private void Finish()
    {
        FileDescriptor fd = _connecting!;
        _connecting = null;
        _context.SetFdHandler(fd.Value, null);
        int error = getsockopt(fd.Value, SOL_SOCKET, SO_ERROR, out int found) < 0 ? errno : found;
        if (error == 0)
        {
            Succeed(fd);
        }
        else
        {
            _failed(CallKind.Connect, new Errno(error));
            Fail(fd);
        }
    }

    private static long Nanoseconds(TimeSpan time) => (long)time.TotalMilliseconds * 1_000_000;

    private bool Admits(FileDescriptor fd)
    {
        bool admitted = DescriptorReserve.Admits(fd.Value);
        ReserveRefused += admitted ? 0 : 1;
        return admitted;
    }

    private void Abandon()
    {
        if (_connecting is not null)
        {
            _context.SetFdHandler(_connecting.Value, null);
            _connecting.Dispose();
            _connecting = null;
        }
    }

    private void DropHeir()
    {
        _heir?.Dispose();
        _heir = null;
    }

    private void SetUp(FileDescriptor fd)
    {
        if (_options.Endpoint.IsUnix)
        {
            return;
        }

        // A frame is a message; it should not wait for others.
        _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_NODELAY, 1);

        // A peer that vanished says nothing any more: while there is nothing to send only questions find that out, and otherwise the kernel would try for 15
        // minutes.
        int keepAlive = (int)_options.KeepAlive.TotalSeconds;
        if (keepAlive > 0)
        {
            _ = setsockopt(fd.Value, SOL_SOCKET, SO_KEEPALIVE, 1);
            _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_KEEPIDLE, keepAlive);
            _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_KEEPINTVL, Math.Max(1, keepAlive / 3));
            _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_KEEPCNT, 3);
        }

        _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)_options.UserTimeout.TotalMilliseconds);
    }

    private void Succeed(FileDescriptor fd)
    {
        _isTaken = true;
        _takenNs = _clock.NowNs;
        _peer = _options.Listen ? SocketCalls.PeerAddress(fd) : null;
        if (_peer is null)
        {
            // The end of a Unix connection is always seen: others wait in the kernel's queue until then.
            Unwatch();
        }
        else if (_listener is not null)
        {
            _context.SetFdHandler(_listener.Value, Accept);
        }

        _connected(fd);
    }

    private void Fail(FileDescriptor fd)
    {
        fd.Dispose();
        TryLater();
    }

    private void TryLater()
    {
        _retry.Modify(_clock.NowNs + Nanoseconds(_pause));
        _pause = Doubled();
    }

    private TimeSpan Doubled() => _pause * 2 < _options.RetryMax ? _pause * 2 : _options.RetryMax;
}
