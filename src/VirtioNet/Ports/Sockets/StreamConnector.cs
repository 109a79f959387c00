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
    private readonly AioTimer _retry;
    private readonly FileDescriptor? _listener;
    private FileDescriptor? _connecting;
    private TimeSpan _pause;

    /// <summary>Creates a connector; a listening one listens from here on.</summary>
    /// <param name="context">Where it works.</param>
    /// <param name="options">Where to.</param>
    /// <param name="connected">Gets each connection.</param>
    /// <exception cref="PortException">The address can't be listened at.</exception>
    public StreamConnector(AioContext context, StreamOptions options, Action<FileDescriptor> connected)
    {
        _context = context;
        _options = options;
        _connected = connected;
        _pause = options.RetryMin;
        _retry = context.CreateTimer(AioClock.Monotonic, Seek);
        _listener = options.Listen ? Listen() : null;
    }

    /// <summary>Where it listens, or null.</summary>
    public FileDescriptor? Listener => _listener;

    /// <summary>Looks for a connection; to be called at first and after each one has ended.</summary>
    public void Seek()
    {
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
        if (_connecting is not null)
        {
            _context.SetFdHandler(_connecting.Value, null);
            _connecting.Dispose();
            _connecting = null;
        }

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
            Succeed(new FileDescriptor(fd));
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

    private void Succeed(FileDescriptor fd)
    {
        _pause = _options.RetryMin;
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
        _retry.Modify(AioClock.Monotonic.NowNs + ((long)_pause.TotalMilliseconds * 1_000_000));
        _pause = _pause * 2 < _options.RetryMax ? _pause * 2 : _options.RetryMax;
    }
}
