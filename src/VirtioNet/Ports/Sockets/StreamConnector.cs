using VhostNet.Aio;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>
/// Gets a stream port its connections, one at a time: connects and goes on trying with growing pauses, or listens. Home thread of its context, but for the
/// constructor and <see cref="Dispose"/>.
/// </summary>
internal sealed class StreamConnector : IDisposable
{
    private readonly AioContext _context;
    private readonly StreamOptions _options;
    private readonly Action<FileDescriptor> _connected;
    private readonly AioClock _clock;
    private readonly AioTimer _retry;
    private readonly FileDescriptor? _listener;
    private FileDescriptor? _connecting;
    private TimeSpan _pause;

    /// <summary>Creates a connector; a listening one listens from here on.</summary>
    /// <param name="context">Where it works.</param>
    /// <param name="options">Where to.</param>
    /// <param name="connected">Gets each connection.</param>
    /// <param name="clock">What pauses are measured by.</param>
    /// <exception cref="PortException">The address can't be listened at.</exception>
    public StreamConnector(AioContext context, StreamOptions options, Action<FileDescriptor> connected, AioClock clock)
    {
        _clock = clock;
        _context = context;
        _options = options;
        _connected = connected;
        _pause = options.RetryMin;
        _retry = context.CreateTimer(clock, Seek);
        _listener = options.Listen ? Listen() : null;
    }

    /// <summary>Where it listens, or null.</summary>
    public FileDescriptor? Listener => _listener;

    /// <summary>Connections that were refused because the process's reserve of descriptors was touched.</summary>
    public long ReserveRefused { get; private set; }

    /// <summary>
    /// A connection has ended: looks for the next one, at once only if that one lasted. A peer that takes connections and closes them would otherwise be
    /// connected
    /// to, or let in, thousands of times a second.
    /// </summary>
    /// <param name="lastedNs">How long it stood.</param>
    /// <param name="delivered">Whether a frame came by it.</param>
    public void Ended(long lastedNs, bool delivered)
    {
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
        _retry.Delete();
        Abandon();
        if (_listener is { IsClosed: false })
        {
            _context.SetFdHandler(_listener.Value, null);
        }
    }

    /// <summary>Looks for a connection; to be called at first.</summary>
    public void Seek()
    {
        Abandon();
        if (_listener is not null)
        {
            _context.SetFdHandler(_listener.Value, Accept);
            return;
        }

        FileDescriptor fd;
        try
        {
            fd = SocketCalls.Open(_options.Endpoint.Family, SOCK_STREAM);
        }
        catch (ErrnoException)
        {
            // No descriptor is left: there may be one later.
            TryLater();
            return;
        }

        if (!Admits(fd))
        {
            Fail(fd);
            return;
        }

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
            Fail(fd);
        }
    }

    /// <summary>Stops. The context's thread must run, or be the calling one.</summary>
    public void Dispose() => _context.RunOnHomeThread(() =>
    {
        _retry.Delete();
        Abandon();
        if (_listener is not null && !_listener.IsClosed)
        {
            _context.SetFdHandler(_listener.Value, null);
            _listener.Dispose();
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

    private void Accept()
    {
        int fd = accept4(_listener!.Value, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
        {
            // One connection at a time: others wait until this one has ended.
            _context.SetFdHandler(_listener.Value, null);
            var connection = new FileDescriptor(fd);
            if (Admits(connection))
            {
                Succeed(connection);
            }
            else
            {
                Fail(connection);
            }
        }
        else if (errno is EMFILE or ENFILE or ENOMEM or ENOBUFS)
        {
            // The connection stays in the queue, so that watching on would find it ready for ever.
            _context.SetFdHandler(_listener.Value, null);
            TryLater();
        }
    }

    private void Finish()
    {
        FileDescriptor fd = _connecting!;
        _connecting = null;
        _context.SetFdHandler(fd.Value, null);
        if (getsockopt(fd.Value, SOL_SOCKET, SO_ERROR, out int error) == 0 && error == 0)
        {
            Succeed(fd);
        }
        else
        {
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

    private void Succeed(FileDescriptor fd)
    {
        if (!_options.Endpoint.IsUnix)
        {
            // A frame is a message; it should not wait for others.
            _ = setsockopt(fd.Value, IPPROTO_TCP, TCP_NODELAY, 1);
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
        _pause = _pause * 2 < _options.RetryMax ? _pause * 2 : _options.RetryMax;
    }
}
